//! The floor below all pacing: a thread that does nothing but wait on a timerfd, and how late it wakes.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::engine::now_ns;

/// How late (ns) a thread of its own wakes that waits for `rate` instants a second, for as long as `length`.
///
/// # Errors
/// The system refuses a thread or a timer.
pub(super) fn lateness(rate: u32, length: Duration) -> io::Result<Histogram<u64>> {
    let thread = std::thread::Builder::new().name("selftest-timer".to_owned());
    let waiting = thread.spawn(move || wait(rate, length))?;
    waiting
        .join()
        .map_err(|_| io::Error::other("the timer of the self-test panicked"))?
}

fn wait(rate: u32, length: Duration) -> io::Result<Histogram<u64>> {
    let mut late =
        Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("the bounds are valid");
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let begin = now_ns() + 1_000_000;
    let steps = length.as_nanos() as u64 * u64::from(rate) / 1_000_000_000;
    for step in 0..steps {
        let meant = begin + step * 1_000_000_000 / u64::from(rate);
        if now_ns() < meant {
            let zero = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            let value = Timespec {
                tv_sec: (meant / 1_000_000_000) as i64,
                tv_nsec: (meant % 1_000_000_000) as _,
            };
            timerfd_settime(
                &timer,
                TimerfdTimerFlags::ABSTIME,
                &Itimerspec {
                    it_interval: zero,
                    it_value: value,
                },
            )?;
            rustix::io::read(&timer, &mut [0_u8; 8])?;
        }
        late.saturating_record(now_ns().saturating_sub(meant));
    }
    Ok(late)
}
