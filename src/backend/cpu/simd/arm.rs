//! The fused multiply-add of microcontrollers with an FPU (Arm's profile M). Their f64 is software: through f64, as on
//! other processors without the instruction for vectors, each lane takes some 200 instructions.

use super::Block;

/// a·b + c in every lane, rounded once, or `None` on other targets.
///
/// Stable Rust cannot ask for the profile. On these systems, the other targets with the hardware's float ABI have 64-bit
/// atomics, and not all of them have the instruction.
#[cfg(all(
    target_arch = "arm",
    target_abi = "eabihf",
    any(target_os = "none", target_os = "nuttx"),
    not(target_has_atomic = "64")
))]
#[inline(always)]
#[allow(unsafe_code, reason = "`core` has no function for the instruction")]
pub(super) fn fused(a: &Block, b: &Block, c: &Block) -> Option<Block> {
    let mut sums = *c;
    for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
        // The operands go through general registers: rustc has `sreg` only with an FPU for f64.
        // SAFETY: only the registers that are declared change. For a processor without the instruction, this does not
        // assemble.
        unsafe {
            core::arch::asm!(
                "vmov s0, {sum}",
                "vmov s1, {a}",
                "vmov s2, {b}",
                "vfma.f32 s0, s1, s2",
                "vmov {sum}, s0",
                sum = inout(reg) *sum,
                a = in(reg) *a,
                b = in(reg) *b,
                out("s0") _,
                out("s1") _,
                out("s2") _,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
    }
    Some(sums)
}

#[cfg(not(all(
    target_arch = "arm",
    target_abi = "eabihf",
    any(target_os = "none", target_os = "nuttx"),
    not(target_has_atomic = "64")
)))]
#[inline(always)]
pub(super) fn fused(_: &Block, _: &Block, _: &Block) -> Option<Block> {
    None
}
