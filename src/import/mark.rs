//! Marks in the texts of a sample: places of secrets, and of what the environment fills in. A mark begins with a key that each process
//! draws anew and that no output shows, so no recording holds one, however it is encoded. Pure but for that key.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::LazyLock;

/// Ends a mark. A recording may hold it too: only behind a key it means something.
const CLOSE: char = '\u{f8ff}';

/// What a mark begins with. The key is digits, which no rule takes for a name.
static OPEN: LazyLock<String> =
    LazyLock::new(|| format!("\u{f8fe}{:020}", RandomState::new().hash_one(0_u8)));

/// A part of a marked text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it was recorded.
    Text(&'a str),
    /// A secret, by number.
    Secret(usize),
    /// A variable of the environment, by name.
    Variable(&'a str),
    /// A value that the source does not have: the name that a variable for it may get, and what tells it from others.
    Asked { name: &'a str, of: &'a str },
}

/// The place of a secret.
pub(super) fn secret(number: usize) -> String {
    format!("{}{number}{CLOSE}", *OPEN)
}

/// The place of a variable of the environment, whose name holds letters, digits and `_`.
pub(super) fn variable(name: &str) -> String {
    format!("{}${name}{CLOSE}", *OPEN)
}

/// The place of a value that the source does not have. Neither text holds a mark.
pub(super) fn asked(name: &str, of: &str) -> String {
    format!("{}?{name}={of}{CLOSE}", *OPEN)
}

/// Whether a text has a mark.
pub(super) fn is_in(text: &str) -> bool {
    text.contains(OPEN.as_str())
}

/// The parts of a text with the places where they stand.
pub(super) fn pieces_at(text: &str) -> Vec<(Range<usize>, Piece<'_>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find(OPEN.as_str()).map(|open| at + open) {
        let start = open + OPEN.len();
        let Some(end) = text[start..].find(CLOSE).map(|end| start + end) else {
            break;
        };
        if open > at {
            found.push((at..open, Piece::Text(&text[at..open])));
        }
        let within = &text[start..end];
        at = end + CLOSE.len_utf8();
        let piece = match within.split_at_checked(1) {
            Some(("$", name)) => Some(Piece::Variable(name)),
            Some(("?", asked)) => asked
                .split_once('=')
                .map(|(name, of)| Piece::Asked { name, of }),
            _ => within.parse().ok().map(Piece::Secret),
        };
        found.extend(piece.map(|piece| (open..at, piece)));
    }
    if at < text.len() {
        found.push((at..text.len(), Piece::Text(&text[at..])));
    }
    found
}

/// The parts of a text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    pieces_at(text).into_iter().map(|(_, piece)| piece)
}

/// Where a text is as it was recorded.
pub(super) fn recorded(text: &str) -> Vec<Range<usize>> {
    let of_text = |(range, piece): (Range<usize>, Piece<'_>)| {
        matches!(piece, Piece::Text(_)).then_some(range)
    };
    pieces_at(text).into_iter().filter_map(of_text).collect()
}

/// A text whose recorded parts are written in another way.
pub(super) fn rewritten(text: &str, write: impl Fn(&str) -> String) -> String {
    let parts = pieces_at(text)
        .into_iter()
        .map(|(range, piece)| match piece {
            Piece::Text(plain) => write(plain),
            _ => text[range].to_owned(),
        });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marks_that_were_made_here_are_found() {
        let text = format!("a{}b{}{}", secret(17), variable("A_B"), asked("C", "x=="));
        let found: Vec<_> = pieces(&text).collect();
        assert_eq!(
            found,
            [
                Piece::Text("a"),
                Piece::Secret(17),
                Piece::Text("b"),
                Piece::Variable("A_B"),
                Piece::Asked {
                    name: "C",
                    of: "x=="
                },
            ]
        );
        assert_eq!(
            rewritten(&text, str::to_uppercase),
            text.replace('a', "A").replace('b', "B")
        );
        for forged in [
            "\u{f8fe}17\u{f8ff}",
            "\u{f8fe}$A\u{f8ff}",
            "\u{f8fe}",
            "\u{f8ff}",
            "",
        ] {
            assert!(!is_in(forged));
            assert_eq!(recorded(forged).len(), usize::from(!forged.is_empty()));
        }
        // One that was cut off is text.
        let cut = &secret(17)[..secret(17).len() - CLOSE.len_utf8()];
        assert_eq!(pieces(cut).collect::<Vec<_>>(), [Piece::Text(cut)]);
    }
}
