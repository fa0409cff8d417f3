/*
 * The compiled DSDT of the q35 machine (q35.asl), as bytes.
 */
        .section .rodata
        .globl q35_dsdt, q35_dsdt_end
        .balign 8
q35_dsdt:
        .incbin "hw/x86/q35.aml"
q35_dsdt_end:
        .section .note.GNU-stack,"",@progbits
