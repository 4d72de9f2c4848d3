//! What the full intervals of a stretch of load came to, in a number of blocks that does not grow with time: where there would be too
//! many, two neighbours become one. Pure.

/// Blocks of a measured stretch at most. Half as many are left after neighbours were joined: the spread between 256 tells a standard
/// error to 1/√(2 · 256), which is 4 %, and longer blocks hide less of it where neighbours are alike.
pub(super) const MOST: usize = 512;

/// Neighbouring full intervals, as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Block {
    /// Since the start of the window, ns.
    pub(super) begin: u64,
    pub(super) end: u64,
    intervals: u32,
    /// OK responses a second, summed over intervals.
    rate: f64,
    /// Intervals of which the CPU is known, and sums over these.
    known: u32,
    known_rate: f64,
    cores: f64,
}

impl Block {
    /// One interval of OK responses a second and CPU of the target, if that is known.
    pub(super) fn new(begin: u64, end: u64, rate: f64, cores: Option<f64>) -> Self {
        Self {
            begin,
            end,
            intervals: 1,
            rate,
            known: u32::from(cores.is_some()),
            known_rate: cores.map_or(0.0, |_| rate),
            cores: cores.unwrap_or(0.0),
        }
    }

    /// The same where its CPU is that of `rate` OK responses a second, and not of all.
    pub(super) fn charged(mut self, rate: f64) -> Self {
        if self.known > 0 {
            self.known_rate = rate;
        }
        self
    }

    /// OK responses a second.
    pub(super) fn throughput(&self) -> f64 {
        self.rate / f64::from(self.intervals)
    }

    /// OK responses of the target a second and its CPU in cores where both are known.
    pub(super) fn spent(&self) -> Option<(f64, f64)> {
        let known = f64::from(self.known);
        (self.known > 0).then(|| (self.known_rate / known, self.cores / known))
    }

    fn join(&mut self, next: &Self) {
        self.end = next.end;
        self.intervals += next.intervals;
        self.rate += next.rate;
        self.known += next.known;
        self.known_rate += next.known_rate;
        self.cores += next.cores;
    }
}

/// The blocks of a stretch.
#[derive(Debug)]
pub(super) struct Blocks {
    most: usize,
    /// Length of a block, in intervals of `interval` ns.
    each: u64,
    interval: u64,
    blocks: Vec<Block>,
}

impl Blocks {
    /// At most `most` blocks, which is at least 2, of intervals of `interval` ns.
    pub(super) fn new(most: usize, interval: u64) -> Self {
        Self {
            most,
            each: 1,
            interval,
            blocks: Vec::new(),
        }
    }

    /// Adds an interval that begins after all others; some may be missing between them.
    pub(super) fn add(&mut self, interval: Block) {
        while !self.place(interval) {
            self.each *= 2;
            for block in std::mem::take(&mut self.blocks) {
                // There is room for as many as there were.
                self.place(block);
            }
        }
    }

    /// Puts a block where it belongs; `false` if there is no place.
    fn place(&mut self, block: Block) -> bool {
        let (length, count) = (self.each * self.interval, self.blocks.len());
        match self.blocks.last_mut() {
            Some(last) if last.begin / length == block.begin / length => last.join(&block),
            _ if count < self.most => self.blocks.push(block),
            _ => return false,
        }
        true
    }

    /// Those that are over: the last one may have fewer intervals than the others.
    pub(super) fn complete(&self) -> Vec<Block> {
        let length = self.each * self.interval;
        let mut blocks = self.blocks.clone();
        if blocks.last().is_some_and(|last| last.end % length != 0) {
            blocks.pop();
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(most: usize, intervals: u64, of: fn(u64) -> (f64, Option<f64>)) -> Blocks {
        let mut blocks = Blocks::new(most, 100);
        for at in 0..intervals {
            let (rate, cores) = of(at);
            blocks.add(Block::new(at * 100, at * 100 + 100, rate, cores));
        }
        blocks
    }

    #[test]
    fn blocks_grow_longer_and_not_more_and_keep_sums() {
        for intervals in [1, 2, 511, 512, 513, 12_000] {
            let blocks = blocks(MOST, intervals, |at| (at as f64, Some(0.5)));
            assert!(blocks.blocks.len() <= MOST, "{intervals}");
            let sum: f64 = blocks.blocks.iter().map(|block| block.rate).sum();
            assert_eq!(sum, (intervals * (intervals - 1) / 2) as f64);
            let complete = blocks.complete();
            assert!(
                complete.len() >= (intervals as usize).min(MOST / 2) - 1,
                "{intervals}"
            );
            let lengths = complete.iter().map(|block| block.end - block.begin);
            assert_eq!(lengths.min(), complete.first().map(|block| block.end));
        }
    }

    #[test]
    fn joined_intervals_have_the_averages_of_what_is_known() {
        let of = |at| (10.0 * at as f64, (at != 1).then_some(at as f64));
        let joined = blocks(2, 4, of).complete();
        assert_eq!(joined.len(), 2);
        assert_eq!((joined[0].begin, joined[0].end), (0, 200));
        assert_eq!(
            (joined[0].throughput(), joined[1].throughput()),
            (5.0, 25.0)
        );
        assert_eq!(
            (joined[0].spent(), joined[1].spent()),
            (Some((0.0, 0.0)), Some((25.0, 2.5)))
        );
        // The third of three intervals begins a block that is not over.
        assert_eq!(blocks(2, 3, of).complete().len(), 1);
    }

    #[test]
    fn what_others_answered_is_no_answer_of_the_target() {
        let known = Block::new(0, 100, 30.0, Some(0.5)).charged(10.0);
        assert_eq!(
            (known.throughput(), known.spent()),
            (30.0, Some((10.0, 0.5)))
        );
        let unknown = Block::new(0, 100, 30.0, None).charged(10.0);
        assert_eq!((unknown.throughput(), unknown.spent()), (30.0, None));
    }

    #[test]
    fn an_interval_that_is_missing_shifts_no_other() {
        let mut blocks = Blocks::new(2, 100);
        for at in [0_u64, 3, 4, 5] {
            blocks.add(Block::new(at * 100, at * 100 + 100, 1.0, None));
        }
        let edges: Vec<_> = blocks.blocks.iter().map(|of| (of.begin, of.end)).collect();
        assert_eq!(edges, [(0, 400), (400, 600)]);
        assert_eq!(blocks.complete().len(), 1);
    }
}
