//! What devices were given in answers: one value per variable and device, for one worker. Values are secrets; they leave
//! as bytes of a request alone.

use std::fmt;

/// Bytes that a value may have.
pub const MAX_VALUE: usize = 8 << 10;

/// The values of all devices. A cell keeps its memory when its value changes.
#[derive(Default)]
pub struct Variables {
    /// By variable, then by device.
    cells: Vec<Vec<Cell>>,
}

#[derive(Default, Clone)]
struct Cell {
    /// Empty if there is none.
    value: Vec<u8>,
    /// When it was given, ns.
    since: u64,
}

impl Variables {
    /// Variables of fleets with so many devices, none with a value.
    pub fn new(devices: impl IntoIterator<Item = usize>) -> Self {
        Self {
            cells: devices
                .into_iter()
                .map(|devices| vec![Cell::default(); devices])
                .collect(),
        }
    }

    /// The value that a device has.
    pub fn get(&self, variable: usize, device: usize) -> Option<&[u8]> {
        let value = &self.cells.get(variable)?.get(device)?.value;
        (!value.is_empty()).then_some(value)
    }

    /// Gives a device a value, which is not empty.
    pub fn set(&mut self, variable: usize, device: usize, value: &[u8], now: u64) {
        let cell = &mut self.cells[variable][device];
        cell.value.clear();
        cell.value.extend_from_slice(value);
        cell.since = now;
    }

    /// Takes a device's value away, unless it was given after `sent`: a request that was sent with the value before it says
    /// nothing about this one.
    pub fn forget(&mut self, variable: usize, device: usize, sent: u64) {
        let cell = &mut self.cells[variable][device];
        if cell.since <= sent {
            cell.value.clear();
        }
    }
}

// By hand: no value may reach a log.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({})", self.cells.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_forgotten_only_by_who_used_it() {
        let mut variables = Variables::new([2, 1]);
        assert_eq!(variables.get(0, 1), None);
        variables.set(0, 1, b"old", 100);
        variables.set(1, 0, b"other", 100);
        variables.set(0, 1, b"new", 200);
        variables.forget(0, 1, 150);
        assert_eq!(variables.get(0, 1), Some(&b"new"[..]));
        variables.forget(0, 1, 200);
        assert_eq!(variables.get(0, 1), None);
        assert_eq!(variables.get(1, 0), Some(&b"other"[..]));
        assert_eq!((variables.get(0, 0), variables.get(7, 0)), (None, None));
        assert!(!format!("{variables:?}").contains("other"));
    }
}
