//! The time of day, whatever the machine's clock says: one that is set to a year that cannot be written is the last or the first
//! that can be.

use std::time::SystemTime;

use jiff::Timestamp;

/// Now.
pub fn now() -> Timestamp {
    nearest(SystemTime::now())
}

fn nearest(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(if time < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_of_any_year_is_read() {
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(nearest(at(0)), Timestamp::UNIX_EPOCH);
        for year_10000 in [253_402_207_201, 253_402_300_800, 1 << 40] {
            assert_eq!(nearest(at(year_10000)), Timestamp::MAX);
        }
        let year_1900 = SystemTime::UNIX_EPOCH - Duration::from_secs(2_208_988_800);
        assert_eq!(nearest(year_1900).as_second(), -2_208_988_800);
        let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40);
        assert_eq!(nearest(long_ago), Timestamp::MIN);
    }
}
