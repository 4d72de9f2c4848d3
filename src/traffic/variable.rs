//! What devices were given in answers: one value per variable and device, for one worker. Values are secrets; they leave
//! as bytes of a request alone.

use std::fmt;

/// Bytes that a value may have.
pub const MAX_VALUE: usize = 8 << 10;

/// The values of all devices. A device takes memory from its first value on: 4 bytes of each variable before that, which the
/// system provides when they are first written, and then a cell, which keeps its memory when its value changes.
#[derive(Default)]
pub struct Variables {
    /// By variable, then by device: one more than the place of its cell; 0 if it never had a value.
    places: Vec<Vec<u32>>,
    /// In blocks, so that no cell ever moves.
    cells: Vec<Vec<Cell>>,
}

/// Cells of a block.
const BLOCK: usize = 1_024;

#[derive(Default)]
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
            places: devices
                .into_iter()
                .map(|devices| vec![0; devices])
                .collect(),
            cells: Vec::new(),
        }
    }

    /// The value that a device has.
    pub fn get(&self, variable: usize, device: usize) -> Option<&[u8]> {
        let place = *self.places.get(variable)?.get(device)? as usize;
        let at = place.checked_sub(1)?;
        let value = &self.cells[at / BLOCK][at % BLOCK].value;
        (!value.is_empty()).then_some(value)
    }

    /// Shows every value that a device has.
    pub fn each(&self, mut show: impl FnMut(&[u8])) {
        let cells = self.cells.iter().flatten();
        cells.for_each(|cell| show(&cell.value));
    }

    /// Gives a device a value, which is not empty.
    ///
    /// # Panics
    /// If there is no such variable or device, or four billion values.
    pub fn set(&mut self, variable: usize, device: usize, value: &[u8], now: u64) {
        let place = &mut self.places[variable][device];
        if *place == 0 {
            *place = add(&mut self.cells);
        }
        let at = *place as usize - 1;
        let cell = &mut self.cells[at / BLOCK][at % BLOCK];
        cell.value.clear();
        cell.value.extend_from_slice(value);
        cell.since = now;
    }

    /// Takes a device's value away, unless it was given after `sent`: a request that was sent with the value before it says
    /// nothing about this one.
    pub fn forget(&mut self, variable: usize, device: usize, sent: u64) {
        let Some(at) = (self.places[variable][device] as usize).checked_sub(1) else {
            return;
        };
        let cell = &mut self.cells[at / BLOCK][at % BLOCK];
        if cell.since <= sent {
            cell.value.clear();
        }
    }
}

/// Adds a cell; returns one more than its place.
fn add(cells: &mut Vec<Vec<Cell>>) -> u32 {
    if cells.last().is_none_or(|block| block.len() == BLOCK) {
        cells.push(Vec::with_capacity(BLOCK));
    }
    let full = (cells.len() - 1) * BLOCK;
    let last = cells.last_mut().expect("there is one with room");
    last.push(Cell::default());
    u32::try_from(full + last.len()).expect("values are fewer than four billion")
}

// By hand: no value may reach a log.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({})", self.places.len())
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

    #[test]
    fn a_device_takes_memory_when_it_is_given_something() {
        let mut variables = Variables::new([1_000_000; 3]);
        assert_eq!(variables.cells.len(), 0);
        variables.forget(2, 999_999, 1);
        for device in 0..3_000 {
            variables.set(device % 3, device * 300, &[device as u8, 1], 1);
        }
        assert_eq!(variables.cells.iter().map(Vec::len).sum::<usize>(), 3_000);
        assert!(
            variables
                .cells
                .iter()
                .all(|block| block.capacity() == BLOCK)
        );
        for device in 0..3_000 {
            let value = variables.get(device % 3, device * 300);
            assert_eq!(value, Some(&[device as u8, 1][..]));
            variables.set(device % 3, device * 300, b"again", 2);
        }
        assert_eq!(variables.cells.iter().map(Vec::len).sum::<usize>(), 3_000);
    }
}
