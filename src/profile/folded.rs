//! Folded stacks: one line per distinct stack, `root;caller;leaf N`, the text that flame graph tools exchange.
//!
//! It holds one number a stack: the other one, units, periods and durations are lost, and so are `;` and line breaks in names. It must not
//! change names otherwise.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use super::observations::{Meaning, Step, Survey};
use super::stacks::{OBSERVATIONS, RECORDS};
use super::{Error, Profile};
use crate::units::format_count;

const MAX_LINE: usize = 1 << 20;
/// Lines by which the format is told.
const HEAD: usize = 20;

/// Writes what shares are of per stack, sorted by line, so that equal profiles give equal bytes: samples, or the values of a profile of
/// bytes or delays, without their unit.
///
/// # Errors
/// [`Error::Io`] if writing fails.
pub fn write(profile: &Profile, mut writer: impl Write) -> Result<(), Error> {
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    let by_value = profile.is_of_values();
    for stack in profile.stacks() {
        let weight = if by_value { stack.value } else { stack.samples };
        if weight == 0 {
            continue;
        }
        let names: Vec<_> = stack.frames.iter().map(|name| clean(name)).collect();
        // Names that differ in a replaced character only fall together; the profile's total bounds the sum.
        *lines.entry(names.join(";")).or_default() += weight;
    }
    for (line, weight) in lines {
        writeln!(writer, "{line} {weight}")?;
    }
    Ok(())
}

/// Reads folded stacks of samples. Empty lines and comments (`# `) are skipped, bytes that are not UTF-8 replaced; samples of a stack that is
/// there twice add up. Numbers with fractions are no counts: their shares are of values, in the smallest fraction that is written.
///
/// # Errors
/// [`Error::Folded`] names the line; [`Error::TooLarge`] and [`Error::Overflow`] as in [`Profile::add`].
pub fn read(text: &[u8]) -> Result<Profile, Error> {
    read_as(text, None)
}

/// The same of numbers of which the user says what they are.
///
/// # Errors
/// Those of [`read`].
pub(super) fn read_as(text: &[u8], meaning: Option<Meaning>) -> Result<Profile, Error> {
    let fraction = lines(text).filter_map(|(_, line)| fraction(line)).max();
    let whole = lines(text).map(|(_, line)| whole_digits(line)).max();
    // As many digits as there are, unless the sum would not fit.
    let fits = DIGITS.saturating_sub(whole.unwrap_or(0));
    let digits = fraction.unwrap_or(0).min(FRACTIONS.len() - 1).min(fits);
    let mut survey = Survey::default();
    for (number, line) in lines(text) {
        survey.add(parsed(number, line, digits)?.1);
    }
    let step = match meaning {
        _ if digits > 0 => Step::Record,
        // heaptrack counts each allocation, or adds up their bytes: neither is a sample.
        None if is_of_heaptrack(text) => Step::Record,
        None => survey.of_anything(),
        Some(Meaning::Samples) => Step::Each(1),
        Some(Meaning::Nanoseconds) => survey.of_times(1),
        Some(Meaning::Bytes) => Step::Record,
        Some(Meaning::Periods) => survey.of_periods(),
    };
    let (sample_type, unit) = match meaning {
        Some(Meaning::Nanoseconds) => ("samples", "nanoseconds"),
        Some(Meaning::Bytes) => ("space", "bytes"),
        Some(Meaning::Periods) => ("samples", "periods"),
        _ if step == Step::Each(1) || digits > 0 => ("samples", FRACTIONS[digits]),
        _ => ("samples", "units"),
    };
    let mut profile = Profile::new(sample_type, unit, 0);
    for (number, line) in lines(text) {
        let (stack, value) = parsed(number, line, digits)?;
        // heaptrack ends each stack with a separator, and PHP's excimer begins some with one.
        let stack = stack.trim_end();
        let stack = stack.strip_suffix(';').unwrap_or(stack);
        let stack = stack.strip_prefix(';').unwrap_or(stack);
        let frames = stack.split(';').filter(|_| !stack.is_empty());
        profile.add(frames, step.observations(value), value)?;
    }
    if meaning.is_none() && digits == 0 {
        profile.note_all(unsure(step));
    }
    Ok(match step {
        Step::Each(1) => profile,
        Step::Each(_) => profile.counting(OBSERVATIONS),
        Step::Record => profile.counting(RECORDS),
    })
}

/// Whether all stacks end with a separator, as heaptrack writes them.
fn is_of_heaptrack(text: &[u8]) -> bool {
    let mut lines = lines(text).peekable();
    let ends_so = |line: &[u8]| {
        let number = line.iter().rposition(|byte| *byte == b' ');
        number.is_some_and(|at| line[..at].ends_with(b";"))
    };
    lines.peek().is_some() && lines.all(|(_, line)| ends_so(line))
}

/// What is to be said of numbers that are no counts.
fn unsure(step: Step) -> Option<String> {
    let taken = match step {
        Step::Each(1) => return None,
        Step::Each(step) => format!(
            "are taken for multiples of {}, each one sample",
            format_count(step as f64)
        ),
        Step::Record => {
            "do not look like counts of samples, so that each line counts as one".to_owned()
        }
    };
    Some(format!(
        "its numbers {taken}; --value says what they are ({})",
        Meaning::NAMES
    ))
}

/// A line's stack and number.
fn parsed(number: u64, line: &[u8], digits: usize) -> Result<(Cow<'_, str>, u64), Error> {
    let fail = |reason| Error::Folded {
        line: number,
        reason,
    };
    if line.len() > MAX_LINE {
        return Err(fail("it is longer than 1 MiB"));
    }
    // py-spy writes so of threads without a frame: the number alone, behind a blank.
    if !line.is_empty() && line.iter().all(u8::is_ascii_digit) {
        let value = scaled(&String::from_utf8_lossy(line), digits).map_err(fail)?;
        return Ok((Cow::Borrowed(""), value));
    }
    let split = line
        .iter()
        .rposition(|byte| matches!(byte, b' ' | b'\t'))
        .ok_or_else(|| {
            fail("found no number behind a space; write every line like `root;caller;leaf 12`")
        })?;
    let samples = String::from_utf8_lossy(&line[split + 1..]);
    let value = scaled(&samples, digits).map_err(fail)?;
    Ok((String::from_utf8_lossy(&line[..split]), value))
}

/// Units of numbers with so many digits behind the point.
pub(in crate::profile) const FRACTIONS: [&str; 10] = [
    "count",
    "tenths",
    "hundredths",
    "thousandths",
    "ten-thousandths",
    "hundred-thousandths",
    "millionths",
    "ten-millionths",
    "hundred-millionths",
    "billionths",
];
/// Digits of the largest number in the smallest fraction, of which a million fit in 64 bits.
const DIGITS: usize = 13;

/// Lines with their numbers, without those that hold no stack.
fn lines(text: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let is_comment = |line: &[u8]| line == b"#" || line.starts_with(b"# ");
    (1..)
        .zip(lines)
        .filter(move |(_, line)| !line.is_empty() && !is_comment(line))
}

/// Digits behind the point of the number at a line's end.
fn fraction(line: &[u8]) -> Option<usize> {
    let number = line.rsplit(|byte| matches!(byte, b' ' | b'\t')).next()?;
    let at = number.iter().position(|byte| *byte == b'.')?;
    Some(number.len() - at - 1)
}

/// Digits before the point of the number at a line's end.
fn whole_digits(line: &[u8]) -> usize {
    let number = line.rsplit(|byte| matches!(byte, b' ' | b'\t')).next();
    number.map_or(0, |number| {
        number
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    })
}

/// The number in the unit of so many digits behind the point; further digits are rounded.
fn scaled(number: &str, digits: usize) -> Result<u64, &'static str> {
    const WHOLE: &str = "expected a number of samples behind the last space; write every line like `root;caller;leaf 12`";
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || (whole.is_empty() && part.is_empty()) {
        return Err(WHOLE);
    }
    let mut value = 0_u64;
    let kept = whole
        .bytes()
        .chain(part.bytes().chain(std::iter::repeat(b'0')).take(digits));
    for digit in kept {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit - b'0')))
            .ok_or("its number of samples does not fit 64 bits")?;
    }
    let rounds_up = part
        .as_bytes()
        .get(digits)
        .is_some_and(|digit| *digit >= b'5');
    Ok(value.saturating_add(u64::from(rounds_up)))
}

/// Whether most of the first lines are as those of folded stacks: with a separator of frames, or a number behind words.
pub(super) fn looks_like(text: &[u8]) -> bool {
    let head: Vec<_> = lines(text).take(HEAD).collect();
    let like = head.iter().filter(|(number, line)| {
        let has_frames = line.contains(&b';') && !line.ends_with(b";");
        has_frames || parsed(*number, line, 0).is_ok_and(|(stack, _)| !stack.is_empty())
    });
    // A report for people has numbers at the ends of some of its lines.
    2 * like.count() > head.len()
}

/// Whether every line ends in two numbers, as those that compare two profiles do. A name may end in one, but hardly each.
pub(super) fn is_differential(text: &[u8]) -> bool {
    let number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty()).peekable();
    lines.peek().is_some()
        && lines.all(|line| {
            let mut words = line.rsplitn(3, |byte| *byte == b' ');
            let numbers = [words.next(), words.next()];
            words.next().is_some() && numbers.iter().all(|word| word.is_some_and(number))
        })
}

/// A name that is one frame of one line: `;` becomes `:`, control characters and outer blanks go.
pub(super) fn clean(name: &str) -> Cow<'_, str> {
    let trimmed = name.trim();
    if trimmed.is_empty() {
        return Cow::Borrowed("[unknown]");
    }
    let separates = |c: char| c == ';' || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !trimmed.contains(separates) {
        return Cow::Borrowed(trimmed);
    }
    let replaced = trimmed.chars().map(|c| match c {
        ';' => ':',
        c if separates(c) => '_',
        c => c,
    });
    Cow::Owned(replaced.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: Result<&str, &str>) {
        match (read(text), expected) {
            (Ok(profile), Ok(expected)) => {
                let mut written = Vec::new();
                write(&profile, &mut written).expect("writes to memory");
                assert_eq!(String::from_utf8_lossy(&written), expected);
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn lines_are_read_or_named() {
        check(b"b;c 1\na 2\n\nb;c 3\r\n", Ok("a 2\nb;c 4\n"));
        check(
            b"main;<T as Foo<u8>>::bar 7",
            Ok("main;<T as Foo<u8>>::bar 7\n"),
        );
        check(b"main;foo 12 7", Ok("main;foo 12 7\n"));
        check(b"m;f 2\n 29\n", Ok("[no stack] 29\nm;f 2\n"));
        check(b"a;;b 1", Ok("a;[unknown];b 1\n"));
        check(b"main;keep; 3", Ok("main;keep 3\n"));
        check(
            b";main;keep 3\nmain 1\n; 2\n",
            Ok("[no stack] 2\nmain 1\nmain;keep 3\n"),
        );
        check(b"a\xff;b 1", Ok("a\u{fffd};b 1\n"));
        check(b"a 0\n", Ok(""));
        check(b"", Ok(""));
        check(
            b"a 1\nb",
            Err("line 2: found no number behind a space; write"),
        );
        check(b"# mode: wall\n#\na 3\n# duration: 23873\n", Ok("a 3\n"));
        check(b"#anon;f\t3\n", Ok("#anon;f 3\n"));
        check(b"a 31.5\nb 68\n", Ok("a 315\nb 680\n"));
        check(
            b"a 0.12345678\nb 1.\nc .5",
            Ok("a 12345678\nb 100000000\nc 50000000\n"),
        );
        check(b"a 0.0000000516\nb 0.000000101\n", Ok("a 52\nb 101\n"));
        check(
            b"a 12345678901.0516\nb 1.9\n",
            Ok("a 1234567890105\nb 190\n"),
        );
        check(b"a 1.5.5", Err("line 1: expected a number"));
        check(b"a 1e3", Err("line 1: expected a number"));
        check(b"a .", Err("line 1: expected a number"));
        check(b"a -1", Err("line 1: expected a number"));
        check(b"a 99999999999999999999", Err("does not fit 64 bits"));
        check(b"a 18446744073709551615\nb 1", Err("more than 64 bits"));
        check(&vec![b'a'; MAX_LINE + 1], Err("longer than 1 MiB"));
        check(
            &[b"a;".repeat(5000), b"b 1".to_vec()].concat(),
            Err("frames in one stack"),
        );
    }

    #[test]
    fn numbers_of_heaptrack_are_no_samples() {
        let text = b"main;mine; 3310\nmain;out; 4096\nmain;tls; 320\n";
        let profile = read(text).expect("reads");
        assert_eq!((profile.samples(), profile.value()), (3, 7726));
        let bytes = read_as(text, Some(Meaning::Bytes)).expect("reads");
        assert_eq!(bytes.unit(), "bytes");
        let some = read(b"main;mine; 3310\nmain;out 4096\n").expect("reads");
        assert_eq!(some.samples(), 7406);
    }

    #[test]
    fn names_cannot_break_a_line() {
        let mut profile = Profile::new("cpu", "nanoseconds", 10);
        profile
            .add(["f([u8; 8])", "two\nlines", " padded "], 2, 20)
            .expect("small");
        profile
            .add(["f([u8: 8])", "two_lines", "padded"], 3, 30)
            .expect("small");
        let mut written = Vec::new();
        write(&profile, &mut written).expect("writes to memory");
        assert_eq!(
            String::from_utf8_lossy(&written),
            "f([u8: 8]);two_lines;padded 5\n"
        );
    }
}
