//! What the kernels ask of the processor: one comparison of sixteen bytes, and the newer instructions where it has them.
//!
//! Everything here has a plain form that gives the same, so that which one runs changes no answer. On x86-64 the
//! comparison is of SSE2 and on AArch64 of NEON, which all such processors have; what counts bits and handles wider
//! vectors is looked for at run time. It knows no text and no likeness.

#![expect(
    clippy::inline_always,
    reason = "work takes on its caller's instructions only where it is inlined"
)]

/// Something to do that is worth newer instructions.
///
/// `run` and all that it calls must be `#[inline(always)]`, or else it is compiled for the oldest processor.
pub(crate) trait Work {
    /// What it comes to.
    type Output;

    /// Does it.
    fn run(self) -> Self::Output;
}

/// The processor that this runs on.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "other kinds have nothing newer that is looked for")
)]
pub(crate) struct Processor {
    /// Whether it has AVX2 and the instructions that count and find bits. Only detection sets it.
    modern: bool,
    /// Whether it has AVX-512 as well, with what counts the bits of several lanes at once. Only detection sets it.
    newest: bool,
}

impl Processor {
    /// Looks at what the processor has.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn detect() -> Self {
        let modern = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("lzcnt")
            && std::arch::is_x86_feature_detected!("popcnt");
        let newest = modern
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512vpopcntdq");
        Self { modern, newest }
    }

    /// Looks at what the processor has.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn detect() -> Self {
        Self { modern: false, newest: false }
    }

    /// Takes it for the oldest there is: for the tests that hold both ways against each other.
    #[cfg(test)]
    pub(crate) fn oldest() -> Self {
        Self { modern: false, newest: false }
    }

    /// Does some work with the newest instructions there are.
    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        if self.modern {
            #[expect(
                unsafe_code,
                reason = "`modern` is set only where all these instructions were found"
            )]
            // SAFETY: the processor has every feature that the function asks for.
            return unsafe { run_modern(work) };
        }
        work.run()
    }

    /// Does the same for work on many lanes side by side, which is worth the widest instructions too.
    #[inline(always)]
    pub(crate) fn run_wide<W: Work>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        if self.newest {
            #[expect(
                unsafe_code,
                reason = "`newest` is set only where all these instructions were found"
            )]
            // SAFETY: the processor has every feature that the function asks for.
            return unsafe { run_newest(work) };
        }
        self.run(work)
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_modern<W: Work>(work: W) -> W::Output {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq"
)]
fn run_newest<W: Work>(work: W) -> W::Output {
    work.run()
}

/// Says at which of sixteen places a byte stands: bit 0 for the first.
#[cfg(target_arch = "x86_64")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a word is taken apart, and sixteen places make sixteen bits"
)]
#[inline(always)]
pub(crate) fn places(bytes: &[u8; 16], byte: u8) -> u16 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};

    let word = u128::from_le_bytes(*bytes);
    let (high, low) = (((word >> 64) as u64).cast_signed(), (word as u64).cast_signed());
    #[expect(unsafe_code, reason = "SSE2 is part of x86-64 itself")]
    // SAFETY: there is no processor of this kind without these instructions, and none of them takes an address.
    unsafe {
        let equal = _mm_cmpeq_epi8(_mm_set_epi64x(high, low), _mm_set1_epi8(byte.cast_signed()));
        _mm_movemask_epi8(equal) as u16
    }
}

/// Says at which of sixteen places a byte stands: bit 0 for the first.
#[cfg(target_arch = "aarch64")]
#[expect(clippy::cast_possible_truncation, reason = "a word is taken apart")]
#[inline(always)]
pub(crate) fn places(bytes: &[u8; 16], byte: u8) -> u16 {
    use std::arch::aarch64::{
        vaddv_u8, vandq_u8, vceqq_u8, vcombine_u8, vcreate_u8, vdupq_n_u8, vget_high_u8,
        vget_low_u8,
    };

    let word = u128::from_le_bytes(*bytes);
    #[expect(unsafe_code, reason = "NEON is part of AArch64 itself")]
    // SAFETY: every processor that this is built for has these instructions, and none of them takes an address.
    unsafe {
        let all = vcombine_u8(vcreate_u8(word as u64), vcreate_u8((word >> 64) as u64));
        // One bit a place of either half, so that adding the half up makes a byte of them.
        let bits = vcreate_u8(0x8040_2010_0804_0201);
        let equal = vandq_u8(vceqq_u8(all, vdupq_n_u8(byte)), vcombine_u8(bits, bits));
        u16::from(vaddv_u8(vget_low_u8(equal))) | u16::from(vaddv_u8(vget_high_u8(equal))) << 8
    }
}

/// Says at which of sixteen places a byte stands: bit 0 for the first.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
pub(crate) fn places(bytes: &[u8; 16], byte: u8) -> u16 {
    plain_places(bytes, byte)
}

/// The same without any instruction of a kind of processor.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline(always)]
fn plain_places(bytes: &[u8; 16], byte: u8) -> u16 {
    bytes.iter().enumerate().fold(0, |places, (at, here)| places | u16::from(*here == byte) << at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Count(u64);

    impl Work for Count {
        type Output = u32;

        #[inline(always)]
        fn run(self) -> u32 {
            self.0.count_ones()
        }
    }

    #[test]
    fn work_comes_to_the_same_on_any_processor() {
        assert_eq!(Processor::detect().run(Count(0b1011)), 3);
        assert_eq!(Processor::oldest().run(Count(0b1011)), 3);
        assert_eq!(Processor::detect().run_wide(Count(0b1011)), 3);
        assert_eq!(Processor::oldest().run_wide(Count(0b1011)), 3);
    }

    proptest! {
        #[test]
        fn sixteen_places_are_found_as_one_by_one(
            bytes in prop::array::uniform16(0..4_u8), byte in 0..5_u8, high in any::<bool>(),
        ) {
            let (bytes, byte) =
                if high { (bytes.map(|byte| byte + 252), byte.wrapping_add(252)) } else { (bytes, byte) };
            prop_assert_eq!(places(&bytes, byte), plain_places(&bytes, byte));
        }
    }
}
