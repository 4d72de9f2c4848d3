//! From sampled stacks and resolved names to `profile.proto`. Pure: no clock, no symbol table, no sampler.

use std::collections::HashMap;

use pprof_format::{Function, Label, Line, Location, Profile, Sample, ValueType};

/// Stands for code of which nothing is known.
pub(crate) const UNKNOWN: &str = "[unknown]";

/// What one capture gave.
pub(crate) struct Capture {
    pub(crate) stacks: Vec<Stack>,
    /// Functions at each address, innermost inlined one first; missing or empty where none is known.
    pub(crate) symbols: HashMap<u64, Vec<Symbol>>,
    pub(crate) hz: i64,
    /// Nanoseconds since the epoch.
    pub(crate) time_nanos: i64,
    pub(crate) duration_nanos: i64,
}

/// A stack, leaf first, and how often it was seen.
pub(crate) struct Stack {
    pub(crate) addresses: Vec<u64>,
    pub(crate) thread: String,
    pub(crate) count: i64,
}

/// A resolved function.
#[derive(Clone)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) system_name: String,
    /// Empty if not known.
    pub(crate) filename: String,
    /// 0 if not known.
    pub(crate) line: i64,
}

/// Builds the profile: `samples/count` and `cpu/nanoseconds`, the thread as a label, a location per address.
pub(crate) fn profile(capture: &Capture) -> Profile {
    let period = 1_000_000_000 / capture.hz;
    let mut tables = Tables::new(&capture.symbols);
    let samples_count = ValueType {
        r#type: tables.text("samples"),
        unit: tables.text("count"),
    };
    let cpu = ValueType {
        r#type: tables.text("cpu"),
        unit: tables.text("nanoseconds"),
    };
    let thread_key = tables.text("thread");
    // The sampler keeps stacks in a hash map; sorted, equal captures give equal bytes.
    let mut stacks: Vec<&Stack> = capture.stacks.iter().collect();
    stacks.sort_by(|a, b| (&a.thread, &a.addresses).cmp(&(&b.thread, &b.addresses)));
    let sample = stacks.into_iter().map(|stack| Sample {
        location_id: tables.locations(&stack.addresses),
        value: vec![stack.count, stack.count.saturating_mul(period)],
        label: vec![Label {
            key: thread_key,
            str: tables.text(&stack.thread),
            ..Label::default()
        }],
    });
    let sample = sample.collect();
    Profile {
        sample_type: vec![samples_count, cpu],
        sample,
        location: tables.location,
        function: tables.function,
        string_table: tables.strings,
        time_nanos: capture.time_nanos,
        duration_nanos: capture.duration_nanos,
        period_type: Some(cpu),
        period,
        ..Profile::default()
    }
}

struct Tables<'a> {
    symbols: &'a HashMap<u64, Vec<Symbol>>,
    strings: Vec<String>,
    text_ids: HashMap<String, i64>,
    function: Vec<Function>,
    function_ids: HashMap<String, u64>,
    location: Vec<Location>,
    location_ids: HashMap<u64, u64>,
}

impl<'a> Tables<'a> {
    fn new(symbols: &'a HashMap<u64, Vec<Symbol>>) -> Self {
        Self {
            symbols,
            strings: vec![String::new()],
            text_ids: HashMap::from([(String::new(), 0)]),
            function: Vec::new(),
            function_ids: HashMap::new(),
            location: Vec::new(),
            location_ids: HashMap::new(),
        }
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(id) = self.text_ids.get(text) {
            return *id;
        }
        let id = self.strings.len() as i64;
        self.strings.push(text.to_owned());
        self.text_ids.insert(text.to_owned(), id);
        id
    }

    fn locations(&mut self, addresses: &[u64]) -> Vec<u64> {
        if addresses.is_empty() {
            return vec![self.place(0)];
        }
        let mut ids: Vec<u64> = addresses
            .iter()
            .map(|address| self.place(*address))
            .collect();
        // Neighbours of which nothing is known are one gap.
        ids.dedup_by(|a, b| a == b && self.location[*a as usize - 1].address == 0);
        ids
    }

    fn place(&mut self, address: u64) -> u64 {
        let symbols = self.symbols.get(&address).map_or(&[][..], Vec::as_slice);
        let address = if symbols.is_empty() { 0 } else { address };
        if let Some(id) = self.location_ids.get(&address) {
            return *id;
        }
        let line = if symbols.is_empty() {
            let nobody = Symbol {
                name: UNKNOWN.into(),
                system_name: UNKNOWN.into(),
                filename: String::new(),
                line: 0,
            };
            vec![self.line(&nobody)]
        } else {
            symbols.iter().map(|symbol| self.line(symbol)).collect()
        };
        let id = self.location.len() as u64 + 1;
        self.location.push(Location {
            id,
            address,
            line,
            ..Location::default()
        });
        self.location_ids.insert(address, id);
        id
    }

    fn line(&mut self, symbol: &Symbol) -> Line {
        let function_id = match self.function_ids.get(&symbol.system_name) {
            Some(id) => *id,
            None => {
                let id = self.function.len() as u64 + 1;
                let function = Function {
                    id,
                    name: self.text(&symbol.name),
                    system_name: self.text(&symbol.system_name),
                    filename: self.text(&symbol.filename),
                    start_line: 0,
                };
                self.function.push(function);
                self.function_ids.insert(symbol.system_name.clone(), id);
                id
            }
        };
        Line {
            function_id,
            line: symbol.line,
            column: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol {
            name: name.into(),
            system_name: format!("_{name}"),
            filename: String::new(),
            line: 0,
        }
    }

    fn capture(stacks: Vec<(Vec<u64>, i64)>) -> Capture {
        let symbols = HashMap::from([
            (10, vec![symbol("main")]),
            (20, vec![symbol("inlined"), symbol("outer")]),
            (21, vec![symbol("outer")]),
            (66, vec![]),
        ]);
        let stacks = stacks.into_iter().map(|(addresses, count)| Stack {
            addresses,
            thread: "t".into(),
            count,
        });
        Capture {
            stacks: stacks.collect(),
            symbols,
            hz: 100,
            time_nanos: 5,
            duration_nanos: 7,
        }
    }

    /// Root first, as a reader folds it.
    fn folded(profile: &Profile) -> Vec<String> {
        let fold = |sample: &Sample| {
            let names = sample.location_id.iter().rev().flat_map(|id| {
                let location = profile
                    .location
                    .iter()
                    .find(|location| location.id == *id)
                    .unwrap();
                location.line.iter().rev().map(|line| {
                    let function = profile
                        .function
                        .iter()
                        .find(|function| function.id == line.function_id)
                        .unwrap();
                    profile.string_table[function.name as usize].as_str()
                })
            });
            format!("{} {:?}", names.collect::<Vec<_>>().join(";"), sample.value)
        };
        profile.sample.iter().map(fold).collect()
    }

    #[test]
    fn stacks_fold_to_what_was_seen() {
        let check = |addresses: &[u64], expected: &str| {
            let profile = profile(&capture(vec![(addresses.to_vec(), 3)]));
            assert_eq!(
                folded(&profile),
                [format!("{expected} [3, 30000000]")],
                "{addresses:?}"
            );
        };
        check(&[20, 10], "main;outer;inlined");
        check(&[21, 20, 10], "main;outer;inlined;outer");
        check(&[20, 20, 10], "main;outer;inlined;outer;inlined");
        check(&[], "[unknown]");
        check(&[66, 77, 10], "main;[unknown]");
        check(&[0], "[unknown]");
    }

    #[test]
    fn header() {
        let profile = profile(&capture(vec![(vec![10], 1)]));
        let text = |id: i64| profile.string_table[id as usize].as_str();
        let kinds: Vec<_> = profile
            .sample_type
            .iter()
            .map(|kind| (text(kind.r#type), text(kind.unit)))
            .collect();
        assert_eq!(kinds, [("samples", "count"), ("cpu", "nanoseconds")]);
        assert_eq!(profile.period_type, Some(profile.sample_type[1]));
        assert_eq!(
            (profile.period, profile.time_nanos, profile.duration_nanos),
            (10_000_000, 5, 7)
        );
        assert_eq!(text(0), "");
        let label = profile.sample[0].label[0];
        assert_eq!((text(label.key), text(label.str)), ("thread", "t"));
    }

    proptest! {
        #[test]
        fn every_id_leads_somewhere(
            stacks in prop::collection::vec((prop::collection::vec(0_u64..80, 0..6), 1_i64..9), 0..20),
        ) {
            let total: i64 = stacks.iter().map(|(_, count)| count).sum();
            let profile = profile(&capture(stacks));
            prop_assert_eq!(folded(&profile).len(), profile.sample.len());
            prop_assert_eq!(profile.sample.iter().map(|sample| sample.value[0]).sum::<i64>(), total);
        }
    }
}
