/*
 * Division for ARMv7 without an instruction for it, bit by bit: 0.2 KB for
 * libgcc's 1.8, which count leading zeros and are written out for each bit. It
 * is used for dates, numbers in texts, and once for a buffer. A divisor of 0
 * gives some number, as on other machines without a trap.
 */
	.syntax unified
	.thumb

	.macro function name
	.global \name
	.type \name, %function
	.thumb_func
\name:
	.endm

	.macro negate low, high
	negs \low, \low
	sbc \high, \high, \high, lsl #1
	.endm

/* r0 / r1: quotient r0, remainder r1. */
	.section .text.uidiv, "ax", %progbits
	function __aeabi_uidiv
	function __aeabi_uidivmod
	movs r2, #0
	movs r3, #32
1:	lsls r0, r0, #1
	adcs r2, r2
	bcs 2f
	cmp r2, r1
	blo 3f
2:	subs r2, r2, r1
	adds r0, r0, #1
3:	subs r3, r3, #1
	bne 1b
	mov r1, r2
	bx lr

	function __aeabi_idiv
	function __aeabi_idivmod
	push {r4, r5, r6, lr}
	mov r4, r0
	eor r5, r0, r1
	cmp r0, #0
	it lt
	rsblt r0, r0, #0
	cmp r1, #0
	it lt
	rsblt r1, r1, #0
	bl __aeabi_uidivmod
	cmp r5, #0
	it lt
	rsblt r0, r0, #0
	cmp r4, #0
	it lt
	rsblt r1, r1, #0
	pop {r4, r5, r6, pc}

/* r0 and r1 / r2 and r3: quotient r0 and r1, remainder r2 and r3. */
	.section .text.uldivmod, "ax", %progbits
	function __aeabi_uldivmod
	push {r4, r5, r6, lr}
	movs r4, #0
	movs r5, #0
	movs r6, #64
1:	adds r0, r0, r0
	adcs r1, r1
	adcs r4, r4
	adcs r5, r5
	bcs 2f
	subs ip, r4, r2
	sbcs ip, r5, r3
	blo 3f
2:	subs r4, r4, r2
	sbcs r5, r3
	adds r0, r0, #1
3:	subs r6, r6, #1
	bne 1b
	mov r2, r4
	mov r3, r5
	pop {r4, r5, r6, pc}

	function __aeabi_ldivmod
	push {r4, r5, r6, lr}
	mov r4, r1
	eor r5, r1, r3
	cmp r1, #0
	bge 1f
	negate r0, r1
1:	cmp r3, #0
	bge 2f
	negate r2, r3
2:	bl __aeabi_uldivmod
	cmp r5, #0
	bge 3f
	negate r0, r1
3:	cmp r4, #0
	bge 4f
	negate r2, r3
4:	pop {r4, r5, r6, pc}

	.section .note.GNU-stack, "", %progbits
