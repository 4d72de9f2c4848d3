//! One sample of a profile.proto, read from its message.

use pprof_format as proto;
use prost::encoding::encode_varint;

use super::Error;
use super::stacks::too_large;
use super::symbols::{MAX_MESSAGE, malformed, message_of};
use super::wire::{Field, fields, varints};

/// What is read of one sample; its buffers are used again for the next.
#[derive(Default)]
pub(super) struct Sample {
    /// Ids of locations that are not packed in one piece, packed.
    pub(super) pieces: Vec<u8>,
    pub(super) locations: Vec<u64>,
    pub(super) values: Vec<i64>,
    pub(super) slice: Option<u8>,
}

impl Sample {
    /// Reads a message. The ids of its locations are answered as they are if they are packed in one piece, else kept in `pieces`.
    pub(super) fn fill<'a>(
        &mut self,
        message: &'a [u8],
        slice_key: Option<i64>,
    ) -> Result<Option<&'a [u8]>, Error> {
        if message.len() > MAX_MESSAGE {
            return Err(too_large("bytes in one entry", MAX_MESSAGE));
        }
        self.pieces.clear();
        self.values.clear();
        self.slice = None;
        let mut packed: Option<&[u8]> = None;
        let mut in_pieces = false;
        for field in fields(message) {
            match field? {
                Field::Bytes(1, bytes) => {
                    if let Some(before) = packed.replace(bytes) {
                        in_pieces = true;
                        self.pieces.extend_from_slice(before);
                    }
                }
                Field::Varint(1, id) => {
                    in_pieces = true;
                    self.pieces
                        .extend_from_slice(packed.take().unwrap_or_default());
                    encode_varint(id, &mut self.pieces);
                }
                Field::Bytes(2, bytes) => {
                    unpack(bytes, |value| self.values.push(value.cast_signed()))?;
                }
                Field::Varint(2, value) => self.values.push(value.cast_signed()),
                Field::Bytes(3, bytes) if slice_key.is_some() => {
                    let label: proto::Label = message_of(bytes, "label")?;
                    if Some(label.key) == slice_key {
                        self.slice = u8::try_from(label.num).ok();
                    }
                }
                _ => {}
            }
        }
        if in_pieces {
            self.pieces
                .extend_from_slice(packed.take().unwrap_or_default());
        }
        Ok(packed)
    }

    /// Keeps the locations of a sample, the leaf first.
    pub(super) fn unpack_locations(&mut self, packed: Option<&[u8]>) -> Result<(), Error> {
        self.locations.clear();
        let locations = &mut self.locations;
        unpack(packed.unwrap_or(&self.pieces), |id| locations.push(id))
    }
}

/// Calls with each number of a packed field.
pub(super) fn unpack(packed: &[u8], mut each: impl FnMut(u64)) -> Result<(), Error> {
    for value in varints(packed) {
        each(value.ok_or_else(|| {
            malformed("a sample cannot be read (a number is cut off)".to_owned())
        })?);
    }
    Ok(())
}
