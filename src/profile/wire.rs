//! The top level of a protobuf message, field by field, without building it.
//!
//! Decoding a whole profile at once multiplies hostile bytes by 36 (an empty sample is 2 bytes on the wire and 72 in memory);
//! walking its fields lets the reader decode, use and drop one small message at a time. It must not allocate.

use super::Error;

/// A field of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Field<'a> {
    Varint(u32, u64),
    Bytes(u32, &'a [u8]),
}

/// The fields of `bytes` in order; fixed-width fields, of which `profile.proto` has none, are skipped.
pub(super) fn fields(bytes: &[u8]) -> impl Iterator<Item = Result<Field<'_>, Error>> {
    let mut rest = bytes;
    let mut broken = false;
    std::iter::from_fn(move || {
        while !broken && !rest.is_empty() {
            let at = bytes.len() - rest.len();
            match field(&mut rest) {
                Some(Some(field)) => return Some(Ok(field)),
                Some(None) => {}
                None => {
                    broken = true;
                    let reason = format!(
                        "the field at byte {at} of {} is cut off or unreadable; capture it again",
                        bytes.len()
                    );
                    return Some(Err(Error::Malformed(reason)));
                }
            }
        }
        None
    })
}

/// The numbers of a packed field; `None` where one is unreadable, after which there are no more.
pub(super) fn varints(packed: &[u8]) -> impl Iterator<Item = Option<u64>> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let value = varint(&mut rest);
        if value.is_none() {
            rest = &[];
        }
        Some(value)
    })
}

/// `None` is unreadable, `Some(None)` skipped.
fn field<'a>(rest: &mut &'a [u8]) -> Option<Option<Field<'a>>> {
    let key = varint(rest)?;
    let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0)?;
    match key & 7 {
        0 => Some(Some(Field::Varint(number, varint(rest)?))),
        1 => split(rest, 8).map(|_| None),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Some(Some(Field::Bytes(number, split(rest, length)?)))
        }
        5 => split(rest, 4).map(|_| None),
        _ => None,
    }
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *split(rest, 1)?.first()?;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<Field<'_>>) {
        match (fields(bytes).next(), expected) {
            (Some(Ok(got)), Some(wanted)) => assert_eq!(got, wanted),
            (Some(Err(_)), None) => {}
            (got, wanted) => panic!("{got:?} instead of {wanted:?}"),
        }
    }

    #[test]
    fn fields_are_read_or_refused() {
        check(&[0x48, 0x96, 0x01], Some(Field::Varint(9, 150)));
        check(&[0x32, 2, b'h', b'i'], Some(Field::Bytes(6, b"hi")));
        check(&[0x0d, 1, 2, 3, 4, 0x48, 7], Some(Field::Varint(9, 7)));
        check(
            &[0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x48, 7],
            Some(Field::Varint(9, 7)),
        );
        let max = [
            0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        check(&max, Some(Field::Varint(9, u64::MAX)));
        for refused in [
            &[0x32, 3, b'h', b'i'][..],
            &[0x48],
            &[0x02, 0],
            &[0x4b],
            &[
                0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
            ],
            &[
                0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
        ] {
            check(refused, None);
        }
    }

    #[test]
    fn reading_ends_at_the_first_error() {
        assert_eq!(fields(&[0x48, 1, 0x48]).count(), 2);
    }
}
