//! Random numbers as a pure function of (seed, request, use): any request can be rendered without those before it.

/// 64 random bits for use `salt` of request `n` under `seed`; portable and fixed for all versions.
///
/// Two rounds of the SplitMix64 finaliser (Steele, Lea and Flood, 2014), which passes BigCrush on counters.
pub fn draw(seed: u64, n: u64, salt: u64) -> u64 {
    finalise(
        finalise(seed ^ salt.wrapping_mul(0xD1B5_4A32_D192_ED03))
            .wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
    )
}

/// Maps 64 random bits to 0..span (the whole range for span 0) by multiplication; the bias is below span / 2^64.
pub fn below(bits: u64, span: u64) -> u64 {
    if span == 0 {
        bits
    } else {
        ((u128::from(bits) * u128::from(span)) >> 64) as u64
    }
}

/// A float in [0, 1) with 53 random bits.
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

fn finalise(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_never_change_between_versions() {
        assert_eq!(
            [
                draw(0, 0, 0),
                draw(42, 0, 0),
                draw(42, 1, 0),
                draw(42, 1, 1)
            ],
            [
                12_035_550_249_420_947_055,
                6_332_618_229_526_065_668,
                17_630_415_256_238_047_317,
                43_145_246_083_206_247,
            ]
        );
    }

    #[test]
    fn ranges_are_met_and_covered() {
        let mut seen = [0u32; 10];
        for n in 0..10_000 {
            seen[below(draw(7, n, 3), 10) as usize] += 1;
        }
        assert!(
            seen.iter().all(|&count| (850..1150).contains(&count)),
            "{seen:?}"
        );
        assert!((0..1000).all(|n| (0.0..1.0).contains(&unit(draw(1, n, 0)))));
    }
}
