/* Stack high-water mark of a stage. */
#ifndef STACK_H
#define STACK_H

/* Prints the name and the most stack, in bytes, that work takes under its caller: found by paint, on bare metal only,
 * where nothing else writes under the stack pointer. Elsewhere it does nothing. */
void stack_of(const char *name, void (*work)(void));

#endif
