/*
 * The compiled DSDT of the microvm machine (microvm.asl), as bytes.
 */
        .section .rodata
        .globl microvm_dsdt, microvm_dsdt_end
        .balign 8
microvm_dsdt:
        .incbin "hw/x86/microvm.aml"
microvm_dsdt_end:
        .section .note.GNU-stack,"",@progbits
