//! The content of a body that came encoded (RFC 9110 8.4): gzip, deflate, br and zstd. Pure; any bytes are taken, and nothing
//! is decoded beyond a bound. It allocates while it decodes, off the measured time.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

/// The most encodings of one body, one over the other.
const MOST_CODINGS: usize = 4;

/// The most bytes that a decoder may look back (RFC 8878 3.1.1.1.2 says 8 MiB, brotli's largest is 16).
const ZSTD_WINDOW: u64 = 8 << 20;

/// The most members of gzip (RFC 1952 2.2) and frames of zstd (RFC 8878 3.1) of one body: each costs a decoder, however little
/// is in it.
pub const MOST_PIECES: usize = 16;

/// Bytes that brotli takes in at once.
const BROTLI_BUFFER: usize = 4 << 10;

/// Why a body could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecoded {
    /// In an encoding that is not known, or in too many.
    Unknown,
    /// It is not in the encoding that it is said to be in, or ends too early.
    Broken,
    /// It has more bytes than are looked at.
    TooLong,
    /// It is in more than [`MOST_PIECES`] pieces.
    TooManyPieces,
}

/// Whether a body needs to be decoded, by its Content-Encoding.
pub fn is_encoded(encodings: &[u8]) -> bool {
    codings(encodings).next().is_some()
}

/// Decodes a body into `content`, which holds at most `most` bytes afterwards: all of it, or what could be decoded.
///
/// # Errors
/// [`Undecoded`].
pub fn decode(
    encodings: &[u8],
    body: &[u8],
    most: usize,
    content: &mut Vec<u8>,
) -> Result<(), Undecoded> {
    content.clear();
    let mut applied: Vec<&[u8]> = codings(encodings).take(MOST_CODINGS + 1).collect();
    if applied.len() > MOST_CODINGS {
        return Err(Undecoded::Unknown);
    }
    if applied.is_empty() {
        content.extend_from_slice(&body[..body.len().min(most)]);
        return bounded(content, body.len(), most);
    }
    // The last that was applied is undone first.
    let mut encoded = Cow::Borrowed(body);
    while let Some(coding) = applied.pop() {
        content.clear();
        let undone = undo(coding, &encoded, most, content);
        if !applied.is_empty() {
            encoded = Cow::Owned(std::mem::take(content));
        }
        undone?;
    }
    Ok(())
}

fn bounded(content: &mut Vec<u8>, length: usize, most: usize) -> Result<(), Undecoded> {
    content.truncate(most);
    if length > most {
        return Err(Undecoded::TooLong);
    }
    Ok(())
}

/// The encodings in the order in which they were applied, without those that change nothing.
fn codings(encodings: &[u8]) -> impl Iterator<Item = &[u8]> {
    encodings
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

fn undo(coding: &[u8], body: &[u8], most: usize, content: &mut Vec<u8>) -> Result<(), Undecoded> {
    let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
    // A body that a status or a method has none of.
    if body.is_empty() {
        return Ok(());
    }
    if is("gzip") || is("x-gzip") {
        let mut rest = body;
        for _ in 0..MOST_PIECES {
            let mut member = GzDecoder::new(rest);
            read(&mut member, most, content)?;
            rest = member.into_inner();
            // What follows the last member is padding.
            if !rest.starts_with(&[0x1f, 0x8b]) {
                return Ok(());
            }
        }
        Err(Undecoded::TooManyPieces)
    } else if is("deflate") {
        // Meant is zlib (RFC 1950), but some send what is within it.
        let is_zlib = body.len() >= 2
            && body[0] & 0x0f == 8
            && (u16::from(body[0]) << 8 | u16::from(body[1])).is_multiple_of(31);
        if is_zlib {
            read(&mut ZlibDecoder::new(body), most, content)
        } else {
            read(&mut DeflateDecoder::new(body), most, content)
        }
    } else if is("br") {
        let mut decoder = brotli_decompressor::Decompressor::new(body, BROTLI_BUFFER);
        read(&mut decoder, most, content)
    } else if is("zstd") {
        let mut rest = body;
        for _ in 0..MOST_PIECES {
            let frame = StreamingDecoder::new_with_max_window_size(&mut rest, ZSTD_WINDOW);
            let mut frame = frame.map_err(|_| Undecoded::Broken)?;
            read(&mut frame, most, content)?;
            if rest.is_empty() {
                return Ok(());
            }
        }
        Err(Undecoded::TooManyPieces)
    } else {
        Err(Undecoded::Unknown)
    }
}

/// Adds what is decoded to `content`, up to the bound.
fn read(decoder: &mut impl Read, most: usize, content: &mut Vec<u8>) -> Result<(), Undecoded> {
    let room = (most - content.len().min(most)) as u64;
    let ended = decoder.take(room + 1).read_to_end(content);
    bounded(content, content.len(), most)?;
    ended.map(drop).map_err(|_| Undecoded::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    const TEXT: &[u8] = br#"{"token":"abc","n":[1,2,3]}"#;

    fn all(mut reader: impl Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        all(GzEncoder::new(bytes, Compression::default()))
    }

    fn decoded(encodings: &str, body: &[u8], most: usize) -> (Result<(), Undecoded>, Vec<u8>) {
        let mut content = b"of another body".to_vec();
        let ended = decode(encodings.as_bytes(), body, most, &mut content);
        (ended, content)
    }

    #[test]
    fn every_encoding_is_undone() {
        let level = Compression::default();
        // Of `brotli`, which nothing here can write.
        let brotli = STANDARD.decode(BROTLI).unwrap();
        for (encodings, body) in [
            ("", TEXT.to_vec()),
            ("identity", TEXT.to_vec()),
            ("gzip", gzip(TEXT)),
            ("X-GZip", gzip(TEXT)),
            ("gzip", [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat()),
            ("gzip", [gzip(TEXT), vec![0; 8]].concat()),
            ("deflate", all(ZlibEncoder::new(TEXT, level))),
            ("deflate", all(DeflateEncoder::new(TEXT, level))),
            ("zstd", compress_to_vec(TEXT, CompressionLevel::Fastest)),
            ("br", brotli),
            (" identity , gzip,", gzip(TEXT)),
            ("deflate, gzip", gzip(&all(ZlibEncoder::new(TEXT, level)))),
        ] {
            assert_eq!(
                decoded(encodings, &body, 100),
                (Ok(()), TEXT.to_vec()),
                "{encodings}"
            );
            if is_encoded(encodings.as_bytes()) {
                let cut = &body[..body.len() / 2];
                let (ended, content) = decoded(encodings, cut, 100);
                assert!(
                    ended == Err(Undecoded::Broken) || content.len() < TEXT.len(),
                    "{encodings}: {ended:?}"
                );
                let (ended, content) = decoded(encodings, &body, 9);
                assert_eq!(ended, Err(Undecoded::TooLong), "{encodings}");
                assert!(TEXT.starts_with(&content), "{encodings}: {content:?}");
            }
        }
        assert_eq!(decoded("gzip", b"", 9), (Ok(()), Vec::new()));
        assert_eq!(decoded("gzip", TEXT, 9).0, Err(Undecoded::Broken));
        assert_eq!(decoded("compress", TEXT, 9).0, Err(Undecoded::Unknown));
        assert_eq!(
            decoded("gzip,gzip,gzip,gzip,gzip", TEXT, 9).0,
            Err(Undecoded::Unknown)
        );
    }

    const BROTLI: &str = "Cw2AeyJ0b2tlbiI6ImFiYyIsIm4iOlsxLDIsM119Aw==";

    #[test]
    fn a_bomb_is_decoded_up_to_the_bound() {
        let zeros = vec![0; 10 << 20];
        for body in [gzip(&zeros), gzip(&gzip(&zeros))] {
            let (ended, content) = decoded("gzip", &body, 1_000);
            assert!(content.len() <= 1_000);
            assert!(
                ended == Err(Undecoded::TooLong) || ended == Ok(()),
                "{ended:?}"
            );
        }
        let body = compress_to_vec(&zeros[..], CompressionLevel::Fastest);
        assert_eq!(
            decoded("zstd", &body, 1_000),
            (Err(Undecoded::TooLong), vec![0; 1_000])
        );
    }

    #[test]
    fn a_body_of_too_many_pieces_is_not_decoded() {
        let zstd = |bytes: &[u8]| compress_to_vec(bytes, CompressionLevel::Fastest);
        for (coding, piece) in [("gzip", gzip(b"a")), ("zstd", zstd(b"a"))] {
            let (ended, content) = decoded(coding, &piece.repeat(MOST_PIECES), 1_000);
            assert_eq!((ended, content.len()), (Ok(()), MOST_PIECES), "{coding}");
            let (ended, content) = decoded(coding, &piece.repeat(MOST_PIECES + 1), 1_000);
            assert_eq!(
                (ended, content.len()),
                (Err(Undecoded::TooManyPieces), MOST_PIECES),
                "{coding}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..80, at in 0usize..80, byte: u8) {
            let zstd = compress_to_vec(TEXT, CompressionLevel::Fastest);
            for (encodings, body) in [("gzip", gzip(TEXT)), ("zstd", zstd), ("br", STANDARD.decode(BROTLI).unwrap()), ("deflate", bytes.clone())] {
                for mut body in [body, bytes.clone()] {
                    if let Some(at) = at.checked_rem(body.len()) {
                        body[at] = byte;
                    }
                    body.truncate(cut.max(1));
                    let (_, content) = decoded(encodings, &body, 50);
                    prop_assert!(content.len() <= 50);
                }
            }
        }
    }
}
