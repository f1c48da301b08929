/* Counts the instructions of a stage. Every target counts in its own way, and to the last instruction. */
#ifndef STAGE_H
#define STAGE_H

void counting_starts(void);
/* Runs work and reports what it took, as a line "name number" or a callgrind dump of that name. It includes the call:
 * an empty function as the stage "nothing" says how much that is, and bench/counting.py takes it off. */
void stage(const char *name, void (*work)(void));

#endif
