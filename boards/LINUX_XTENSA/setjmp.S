/*
 * setjmp and longjmp for register windows.
 *
 * The caller's registers lie in the register file or, once spilled, in two places: a0 to a3 in the 16 bytes under its
 * callee's stack pointer, and a4 to a7 (call8) or a4 to a11 (call12) in the bytes that end 16 under its own caller's
 * stack pointer, which is the second of the four words that lie 16 under its own. So setjmp spills all and copies
 * these; longjmp spills all, writes them back, and returns as setjmp had: the window is then filled from there.
 *
 * jmp_buf: a0 to a3 | a4 to a11 | the four words under the caller's stack pointer | setjmp's return address
 */
#define FRAME 32
#define UPPER_REGISTERS 16
#define UNDER_CALLER 48
#define RETURN_ADDRESS 64

    .macro copy_16_bytes to, to_offset, from, from_offset
    .irp word, 0, 4, 8, 12
    l32i a7, \from, \from_offset + \word
    s32i a7, \to, \to_offset + \word
    .endr
    .endm

    /* a6: where the caller's a4 and up are kept, by `caller`, its caller's stack pointer. Jumps if there are none. */
    .macro find_upper_registers caller, none
    extui a5, a0, 30, 2         /* the window's size in fours */
    addi a5, a5, -1
    beqz a5, \none
    slli a6, a5, 4
    sub a6, \caller, a6
    addi a6, a6, -16
    .endm

    .text
    .align 4
    .global setjmp
    .type setjmp, @function
setjmp:
    entry a1, FRAME
    movi a10, 8
    call8 spill_windows
    addi a4, a1, -16
    copy_16_bytes a2, 0, a4, 0
    copy_16_bytes a2, UNDER_CALLER, a1, FRAME - 16
    l32i a4, a1, FRAME - 12
    find_upper_registers a4, 1f
    copy_16_bytes a2, UPPER_REGISTERS, a6, 0
    beqi a5, 1, 1f
    copy_16_bytes a2, UPPER_REGISTERS + 16, a6, 16
1:  s32i a0, a2, RETURN_ADDRESS
    movi a2, 0
    retw

    .align 4
    .global longjmp
    .type longjmp, @function
longjmp:
    entry a1, FRAME
    movi a10, 8
    call8 spill_windows
    l32i a0, a2, RETURN_ADDRESS
    l32i a4, a2, UNDER_CALLER + 4
    find_upper_registers a4, 1f
    copy_16_bytes a6, 0, a2, UPPER_REGISTERS
    beqi a5, 1, 1f
    copy_16_bytes a6, 16, a2, UPPER_REGISTERS + 16
1:  l32i a4, a2, 4              /* the caller's stack pointer */
    addi a4, a4, -FRAME - 16
    copy_16_bytes a4, FRAME, a2, UNDER_CALLER
    copy_16_bytes a4, 0, a2, 0
    addi a1, a4, 16             /* as in setjmp */
    movi a2, 1
    movnez a2, a3, a3
    retw

    /* Deeper calls than there are windows put every older one into memory. */
    .align 4
    .type spill_windows, @function
spill_windows:
    entry a1, FRAME
    addi a10, a2, -1
    beqz a10, 1f
    call8 spill_windows
1:  retw
