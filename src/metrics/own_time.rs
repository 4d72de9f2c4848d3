//! Which time counts for a load: all of it, or that of its own turns alone where it takes turns with another one. Pure.

use super::timetable::Timetable;
use super::window::Window;

/// The time that counts for a load. All instants are ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnTime {
    /// The beginning of the load, and its turns, if it takes turns.
    turns: Option<(u64, Timetable)>,
}

impl OwnTime {
    /// That of a load that is alone.
    pub const ALL: Self = Self { turns: None };

    /// That of a load that began at `begin`, in its turns if it has such.
    pub fn of(begin: u64, turns: Option<Timetable>) -> Self {
        Self {
            turns: turns.map(|turns| (begin, turns)),
        }
    }

    /// Whether it is all of the time.
    pub fn is_all(self) -> bool {
        self.turns.is_none()
    }

    /// How much of it lies between two instants.
    pub fn between(self, from: u64, to: u64) -> u64 {
        let Some((begin, turns)) = self.turns else {
            return to.saturating_sub(from);
        };
        let passed = |instant: u64| turns.passed(instant.saturating_sub(begin));
        passed(to).saturating_sub(passed(from))
    }

    /// How much of it a window holds, s.
    pub fn seconds(self, window: Window) -> f64 {
        self.between(window.start, window.end) as f64 / 1e9
    }

    /// Whether an instant lies in it.
    pub fn counts(self, instant: u64) -> bool {
        self.turns
            .is_none_or(|(begin, turns)| instant >= begin && turns.may_send(instant - begin))
    }

    /// When a load is read best that is to be read at this instant: nearby, where it is idle.
    pub fn idle_near(self, instant: u64) -> u64 {
        let idle = |(begin, turns): (u64, Timetable)| {
            begin + turns.idle_near(instant.saturating_sub(begin))
        };
        self.turns.map_or(instant, idle)
    }

    /// A window as if nothing but this time passed in it.
    pub fn axis(self, window: Window) -> Window {
        Window {
            start: window.start,
            end: window.start + self.between(window.start, window.end),
        }
    }

    /// An instant as if nothing but this time passed in the window; before and behind that all of it does.
    pub fn on_axis(self, window: Window, instant: u64) -> u64 {
        if self.is_all() || instant <= window.start {
            return instant;
        }
        let within = self.between(window.start, instant.min(window.end));
        window.start + within + instant.saturating_sub(window.end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::timetable::Slices;
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_between_own_turns_does_not_pass() {
        let slices = Slices {
            dropped: 0,
            measured: 8,
        };
        let ns = Duration::from_nanos;
        // A B B A B A A B of 100 ns with gaps of 10 ns, from 1,000 on.
        let own = OwnTime::of(1_000, Some(Timetable::new(ns(100), ns(10), slices)));
        let window = Window {
            start: 1_000,
            end: 1_870,
        };
        assert_eq!(own.axis(window).end, 1_400);
        for (at, on_axis) in [
            (900, 900),
            (1_000, 1_000),
            (1_050, 1_050),
            (1_105, 1_100),
            (1_329, 1_100),
            (1_330, 1_100),
            (1_350, 1_120),
            (1_870, 1_400),
            (1_900, 1_430),
        ] {
            assert_eq!(own.on_axis(window, at), on_axis, "{at}");
        }
        assert!(own.counts(1_099) && !own.counts(1_100) && !own.counts(900));
        assert_eq!(OwnTime::ALL.on_axis(window, 1_350), 1_350);
        assert_eq!(OwnTime::ALL.between(5, 3), 0);
    }
}
