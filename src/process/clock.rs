//! How far the machine's time of day may be off. Linux only.

use std::time::Duration;

use rtime_clock::adjtime::{Timex, adjtimex};

/// The kernel's answer for a clock that nobody keeps (`TIME_ERROR`), and the flag that says the same (`STA_UNSYNC`).
const NOT_KEPT: (i32, i32) = (5, 0x40);

/// The bound that the kernel keeps (`maxerror` of adjtimex, which is only read); `None` if nobody keeps the clock, or a container may
/// not ask.
pub fn bound() -> Option<Duration> {
    let mut read = Timex::new();
    let state = adjtimex(&mut read).ok()?;
    let (error, unsynchronised) = NOT_KEPT;
    let is_kept = state != error && read.0.status & unsynchronised == 0;
    let micros = u64::try_from(read.0.maxerror).ok()?;
    is_kept.then(|| Duration::from_micros(micros))
}
