//! When each of two arms may send: in turns, so that whatever drifts on a machine falls on both alike. Pure: offsets from the beginning
//! of the load in, offsets out.
//!
//! Eight turns are A B B A, B A A B, and so on; A is the arm that has the first measured turn. Between two turns is a gap, in which
//! nothing is sent and what is under way may end. There may be a longer pause between the turns that are dropped and those that are measured.

use std::time::Duration;

/// Turns after which the order repeats, and of which each arm has half.
const PATTERN: u64 = 8;

/// Time behind the last turn in which arms may do what they have put off, before they are read, ns.
const AFTER: u64 = 20_000_000;

/// Which of them are those of A, and of the other arm.
const PLACES: [[u64; 4]; 2] = [[0, 3, 5, 6], [1, 2, 4, 7]];

/// The turns of one of two arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timetable {
    slice: u64,
    gap: u64,
    /// Before the first measured turn, beside the gap.
    pause: u64,
    /// Turns of both arms that are not measured, and that are.
    dropped: u64,
    measured: u64,
    /// 0 for the arm that has the first measured turn, else 1.
    arm: usize,
}

/// How many turns both arms have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slices {
    /// The first ones, which are not measured; an odd number counts as one more.
    pub dropped: u32,
    /// Those behind them, at least one of each arm; arms have equally many in each order if it is a multiple of 8.
    pub measured: u32,
}

impl Timetable {
    /// The timetable of the arm that has the first measured turn.
    pub fn new(slice: Duration, gap: Duration, slices: Slices) -> Self {
        let even = |count: u32| u64::from(count) + u64::from(count % 2);
        Self {
            slice: (slice.as_nanos() as u64).max(1),
            gap: gap.as_nanos() as u64,
            pause: 0,
            dropped: even(slices.dropped),
            measured: even(slices.measured.max(2)),
            arm: 0,
        }
    }

    /// With so much time before the first measured turn, beside the gap, in which neither arm may send: both can be read then, however short
    /// turns are.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self {
            pause: pause.as_nanos() as u64,
            ..self
        }
    }

    /// That of the other arm.
    #[must_use]
    pub fn other(self) -> Self {
        Self {
            arm: 1 - self.arm,
            ..self
        }
    }

    /// Whether the arm may send at this offset (ns).
    pub fn may_send(&self, offset: u64) -> bool {
        if self.is_paused(offset) {
            return false;
        }
        let offset = self.without_pause(offset);
        let turn = offset / self.period();
        turn < self.turns() && self.is_own(turn) && offset % self.period() < self.slice
    }

    /// When the first turn begins that begins at this offset or later, ns; `None` behind the last one.
    pub fn next_turn(&self, offset: u64) -> Option<u64> {
        let from = self.without_pause(offset).div_ceil(self.period());
        let mut turns = from..self.turns();
        let turn = turns.find(|&turn| self.is_own(turn))?;
        Some(self.with_pause_before(turn * self.period()))
    }

    /// When so much of the arm's own time (ns) has passed, as an offset: within a turn, or at the beginning of one; [`u64::MAX`] behind the last one.
    pub fn at(&self, own: u64) -> u64 {
        let number = own / self.slice;
        if number >= self.turns() / 2 {
            return u64::MAX;
        }
        self.with_pause_before(self.turn(number) * self.period()) + own % self.slice
    }

    /// Offset of the first measured turn of either arm, ns.
    pub fn start(&self) -> u64 {
        self.lead() + self.pause
    }

    /// Offset of the end of the last turn of either arm, ns.
    pub fn end(&self) -> u64 {
        self.turns() * self.period() - self.gap + self.pause
    }

    /// Offset at which all has ended that the arms may have put off until the end of the last turn, ns.
    pub fn settled(&self) -> u64 {
        self.end() + AFTER
    }

    /// How much of the arm's own time has passed at an offset, ns.
    pub fn passed(&self, offset: u64) -> u64 {
        let offset = self.without_pause(offset);
        let turn = (offset / self.period()).min(self.turns());
        let place = turn + self.begin();
        let in_pattern = PLACES[self.arm].iter();
        let in_pattern = in_pattern.filter(|&&own| own < place % PATTERN).count() as u64;
        // Of an even number of turns half are its own.
        let own = place / PATTERN * (PATTERN / 2) + in_pattern - self.begin() / 2;
        let within = match turn < self.turns() && self.is_own(turn) {
            true => (offset % self.period()).min(self.slice),
            false => 0,
        };
        own * self.slice + within
    }

    /// An offset near that of the beginning of a turn of either arm, or of the end of the last one, at which this arm is idle: what it has
    /// used is best read then. Any other offset is left as it is, and so is one with turns of this arm on both sides.
    pub fn idle_near(&self, offset: u64) -> u64 {
        if self.pause > 0 && offset == self.start() {
            // Not at the same time, for a reading takes some.
            let thirds = if self.arm == 0 { 2 } else { 1 };
            return offset - self.pause * thirds / 3;
        }
        let flat = self.without_pause(offset);
        let turn = flat.div_ceil(self.period());
        if !flat.is_multiple_of(self.period()) && offset != self.end() {
            return offset;
        }
        let before = turn > 0 && turn <= self.turns() && self.is_own(turn - 1);
        let behind = turn < self.turns() && self.is_own(turn);
        match (before, behind) {
            (false, true) => offset.saturating_sub(self.gap + self.slice / 2),
            (true, false) if turn == self.turns() => offset + AFTER.min(self.slice / 2),
            (true, false) => offset + self.slice / 2,
            _ => offset,
        }
    }

    /// The time from the beginning of a turn to that of another one, ns, in which the arm has about `own` ns of its own: always the same
    /// number of turns of both, if it is counted from a measured turn on.
    pub fn every(&self, own: u64) -> u64 {
        let most = (self.measured / 2).max(1);
        let turns = (own + self.slice / 2) / self.slice;
        // Behind an even number of own turns no arm is under way on both sides.
        let turns = turns - u64::from(turns > 1 && turns % 2 == 1);
        2 * turns.clamp(1, most) * self.period()
    }

    /// Length of a turn.
    pub fn slice(&self) -> Duration {
        Duration::from_nanos(self.slice)
    }

    /// Length of a gap between two.
    pub fn gap(&self) -> Duration {
        Duration::from_nanos(self.gap)
    }

    /// When its first measured turn begins, ns.
    pub fn first_measured(&self) -> u64 {
        self.with_pause_before(self.turn(self.dropped / 2) * self.period())
    }

    /// How many measured turns the arm has.
    pub fn measured(&self) -> u32 {
        (self.measured / 2) as u32
    }

    /// Length of all its measured turns.
    pub fn active(&self) -> Duration {
        Duration::from_nanos(self.measured / 2 * self.slice)
    }

    /// A turn with the gap behind it, ns.
    pub fn period(&self) -> u64 {
        self.slice + self.gap
    }

    /// How long the turns take that are dropped.
    fn lead(&self) -> u64 {
        self.dropped * self.period()
    }

    fn is_paused(&self, offset: u64) -> bool {
        (self.lead()..self.start()).contains(&offset)
    }

    /// The offset as it would be if there were no pause; all of the pause is its beginning.
    fn without_pause(&self, offset: u64) -> u64 {
        if offset <= self.lead() {
            return offset;
        }
        offset.saturating_sub(self.pause).max(self.lead())
    }

    /// The offset, with the pause, of what would be there without it.
    fn with_pause_before(&self, flat: u64) -> u64 {
        match flat < self.lead() {
            true => flat,
            false => flat + self.pause,
        }
    }

    /// Of both arms.
    fn turns(&self) -> u64 {
        self.dropped + self.measured
    }

    /// Where in the pattern the first turn of all is, so that the measured ones begin with it.
    fn begin(&self) -> u64 {
        (PATTERN - self.dropped % PATTERN) % PATTERN
    }

    fn is_own(&self, turn: u64) -> bool {
        PLACES[self.arm].contains(&((turn + self.begin()) % PATTERN))
    }

    /// Which of all turns is the arm's own turn `number`.
    fn turn(&self, number: u64) -> u64 {
        // An even number of turns has equally many of each arm.
        let number = number + self.begin() / 2;
        let places = PLACES[self.arm];
        let place = places[(number % places.len() as u64) as usize];
        number / places.len() as u64 * PATTERN + place - self.begin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn table(dropped: u32, measured: u32) -> Timetable {
        let (slice, gap) = (Duration::from_millis(100), Duration::from_millis(2));
        Timetable::new(slice, gap, Slices { dropped, measured })
    }

    fn order(table: Timetable) -> String {
        let turns = (0..).map(|turn| turn * 102 * MS);
        let turns = turns.take_while(|&begin| begin < table.end());
        let whose = |begin| match (table.may_send(begin), table.other().may_send(begin)) {
            (true, false) => 'A',
            (false, true) => 'B',
            both => panic!("{both:?} at {begin}"),
        };
        turns.map(whose).collect()
    }

    #[test]
    fn measured_turns_begin_with_the_pattern_whatever_is_dropped() {
        assert_eq!(order(table(0, 8)), "ABBABAAB");
        assert_eq!(order(table(4, 12)), "BAABABBABAABABBA");
        assert_eq!(order(table(2, 8)), "ABABBABAAB");
        assert_eq!(order(table(1, 3)), "ABABBA");
        assert_eq!(table(4, 24).measured(), 12);
        assert_eq!(table(4, 24).active(), Duration::from_millis(1_200));
        assert_eq!(table(4, 24).start(), 408 * MS);
        assert_eq!(table(4, 24).end(), (28 * 102 - 2) * MS);
    }

    #[test]
    fn an_arm_is_read_in_the_middle_of_the_others_turn() {
        let a = table(4, 24);
        // BAAB|A: idle from the end of its third turn until the first measured one.
        assert_eq!(a.idle_near(a.start()), (304 + 408) * MS / 2);
        assert_eq!(a.first_measured(), 408 * MS);
        // BAAB|AB: the fourth turn was its own.
        assert_eq!(a.other().idle_near(a.start()), (406 + 510) * MS / 2);
        assert_eq!(a.other().first_measured(), 510 * MS);
        assert_eq!(table(0, 8).idle_near(0), 0);
        // Neither is idle in the middle of A|A, and an instant within a turn stays where it is.
        assert_eq!(a.idle_near(50 * MS), 50 * MS);
        // A is idle at its end, and B has just ended.
        assert_eq!(a.idle_near(a.end()), a.end());
        assert_eq!(a.other().idle_near(a.end()), a.end() + 20 * MS);
    }

    #[test]
    fn a_pause_lies_between_what_is_dropped_and_what_is_measured() {
        let short = table(4, 8).with_pause(Duration::from_millis(450));
        let first = 858 * MS;
        assert_eq!((short.start(), short.first_measured()), (first, first));
        assert_eq!(short.other().first_measured(), first + 102 * MS);
        assert_eq!(short.end(), (12 * 102 + 450 - 2) * MS);
        for of in [short, short.other()] {
            assert!(!of.may_send(408 * MS) && !of.may_send(first - 1));
            assert_eq!(of.passed(409 * MS), 200 * MS);
        }
        // The one that begins is read first.
        assert_eq!(short.idle_near(first), first - 300 * MS);
        assert_eq!(short.other().idle_near(first), first - 150 * MS);
        assert!(short.may_send(first));
        assert_eq!(short.next_turn(409 * MS), Some(first));
        assert_eq!(short.at(200 * MS), first);
    }

    fn any_table() -> impl Strategy<Value = Timetable> {
        let lengths = (1u64..1_000, 0u64..200, prop_oneof![Just(0u64), 1u64..5_000]);
        (lengths, 0u32..20, 1u32..60, any::<bool>()).prop_map(
            |((slice, gap, pause), dropped, measured, is_other)| {
                let of = Duration::from_nanos;
                let table = Timetable::new(of(slice), of(gap), Slices { dropped, measured })
                    .with_pause(of(pause));
                if is_other { table.other() } else { table }
            },
        )
    }

    proptest! {
        #[test]
        fn turns_never_overlap_and_gaps_hold(table in any_table(), share in 0.0f64..1.1) {
            let offset = (table.end() as f64 * share) as u64;
            let (own, other) = (table.may_send(offset), table.other().may_send(offset));
            prop_assert!(!(own && other));
            let lead = table.dropped * table.period();
            let since = match offset {
                offset if offset < lead => Some(offset),
                offset => offset.checked_sub(lead + table.pause),
            };
            let is_in_turn = since.is_some_and(|since| since % table.period() < table.slice);
            prop_assert_eq!(own || other, is_in_turn && offset < table.end());
        }

        #[test]
        fn arms_have_equally_many_turns(table in any_table()) {
            let begins = |table: Timetable| {
                let mut next = table.next_turn(0);
                std::iter::from_fn(move || {
                    let begin = next?;
                    next = table.next_turn(begin + 1);
                    Some(begin)
                })
                .collect::<Vec<u64>>()
            };
            let (own, other) = (begins(table), begins(table.other()));
            prop_assert_eq!(own.len(), other.len());
            let measured = |begins: &[u64]| begins.iter().filter(|&&begin| begin >= table.start()).count();
            prop_assert_eq!(measured(&own), table.measured() as usize);
            prop_assert_eq!(measured(&other), table.measured() as usize);
            for (number, &begin) in own.iter().enumerate() {
                prop_assert!(table.may_send(begin));
                prop_assert_eq!(table.at(number as u64 * table.slice), begin);
            }
            // A drift that goes linearly over a whole pattern falls on both alike.
            if table.measured % PATTERN == 0 {
                let sum = |begins: &[u64]| begins.iter().filter(|&&begin| begin >= table.start()).sum::<u64>();
                prop_assert_eq!(sum(&own), sum(&other));
            }
        }

        #[test]
        fn own_time_passes_in_own_turns_alone(table in any_table(), own in 0u64..50_000) {
            let at = table.at(own);
            if own < table.turns() / 2 * table.slice {
                prop_assert!(table.may_send(at) && at < table.end());
                prop_assert!(at < table.at(own + 1));
            } else {
                prop_assert_eq!(at, u64::MAX);
            }
        }

        #[test]
        fn an_arm_is_idle_when_it_is_read(table in any_table()) {
            let at = table.idle_near(table.start());
            prop_assert!(at <= table.first_measured());
            prop_assert!(table.dropped == 0 || at >= table.first_measured() || !table.may_send(at));
            // In a pause both are idle, and have time to spare on both sides.
            if table.pause > 2 {
                prop_assert!(table.is_paused(at) && table.is_paused(table.other().idle_near(table.start())));
            }
        }

        #[test]
        fn own_time_is_the_sum_of_what_is_in_own_turns(table in any_table(), share in 0.0f64..1.1) {
            let offset = (table.end() as f64 * share) as u64;
            let counted = (0..offset).filter(|&at| table.may_send(at)).count() as u64;
            prop_assert_eq!(table.passed(offset), counted);
            prop_assert_eq!(table.passed(u64::MAX), table.turns() / 2 * table.slice);
        }

        #[test]
        fn each_interval_has_as_much_of_its_own(table in any_table(), own in 1u64..3_000) {
            let every = table.every(own);
            let at = |number: u64| table.passed(table.start() + number * every);
            let each = at(1) - at(0);
            let whole = (table.end() - table.start()) / every;
            for number in 0..whole {
                prop_assert_eq!(at(number + 1) - at(number), each);
            }
        }
    }
}
