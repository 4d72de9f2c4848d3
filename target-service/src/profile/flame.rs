//! A capture as a flame graph: one self-contained SVG without scripts. Pure.
//!
//! Names are untrusted text: they hold `<` as a matter of course. Each is escaped at the one place that writes it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::encode::{Capture, Stack, UNKNOWN};

/// Pixels.
const WIDTH: f64 = 1200.0;
const ROW: usize = 17;
const MARGIN: usize = 24;
/// Narrower frames cannot be seen and are left out.
const NARROWEST: f64 = 0.3;
/// Of a character of the font, on average.
const CHARACTER: f64 = 6.6;
/// Deeper frames are cut off, whatever the stacks hold.
const DEEPEST: usize = 256;

/// A function as called from its parent: how many samples it was on the stack of, and what it called.
#[derive(Default)]
struct Node<'a> {
    samples: u64,
    callees: BTreeMap<&'a str, Node<'a>>,
}

/// Draws the capture, root at the top, callees below, in alphabetical order.
pub(super) fn svg(capture: &Capture) -> String {
    let mut root = Node::default();
    for stack in &capture.stacks {
        add(&mut root, capture, stack);
    }
    let height = MARGIN * 2 + ROW * (depth(&root) + 1);
    let mut text = String::new();
    write_svg(&mut text, &root, height, capture.hz).expect("writing to a string cannot fail");
    text
}

fn add<'a>(root: &mut Node<'a>, capture: &'a Capture, stack: &Stack) {
    let samples = u64::try_from(stack.count).unwrap_or(0);
    root.samples += samples;
    let mut node = root;
    let mut last_unknown = false;
    let names = stack.addresses.iter().rev().flat_map(|address| {
        let symbols = capture
            .symbols
            .get(address)
            .filter(|symbols| !symbols.is_empty());
        let known = symbols
            .into_iter()
            .flatten()
            .rev()
            .map(|symbol| symbol.name.as_str());
        known.chain(symbols.is_none().then_some(UNKNOWN))
    });
    let lone = stack.addresses.is_empty().then_some(UNKNOWN);
    for name in names.chain(lone).take(DEEPEST) {
        // Neighbours of which nothing is known are one gap.
        let unknown = name == UNKNOWN;
        if unknown && last_unknown {
            continue;
        }
        last_unknown = unknown;
        node = node.callees.entry(name).or_default();
        node.samples += samples;
    }
}

fn depth(node: &Node<'_>) -> usize {
    node.callees
        .values()
        .map(|callee| 1 + depth(callee))
        .max()
        .unwrap_or(0)
}

fn write_svg(out: &mut String, root: &Node<'_>, height: usize, hz: i64) -> fmt::Result {
    write!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="monospace" font-size="11"><rect width="100%" height="100%" fill="#fdfdfa"/><text x="6" y="16">CPU profile: {} samples at {hz} Hz, callers above callees</text>"##,
        root.samples
    )?;
    if root.samples > 0 {
        let scale = WIDTH / root.samples as f64;
        draw(
            out,
            root,
            "all",
            Place {
                x: 0.0,
                row: 0,
                scale,
                total: root.samples,
            },
        )?;
    }
    out.write_str("</svg>\n")
}

#[derive(Clone, Copy)]
struct Place {
    x: f64,
    row: usize,
    scale: f64,
    total: u64,
}

fn draw(out: &mut String, node: &Node<'_>, name: &str, place: Place) -> fmt::Result {
    let width = node.samples as f64 * place.scale;
    if width < NARROWEST {
        return Ok(());
    }
    let y = MARGIN + place.row * ROW;
    let share = 100.0 * node.samples as f64 / place.total as f64;
    let (x, hue) = (place.x, hue(name));
    write!(
        out,
        r#"<g><title>{} ({} samples, {share:.1} %)</title><rect x="{x:.1}" y="{y}" width="{:.1}" height="{}" fill="hsl({hue},70%,75%)"/>"#,
        Escaped(name),
        node.samples,
        (width - 0.5).max(NARROWEST),
        ROW - 1,
    )?;
    let fits = (width / CHARACTER) as usize;
    if fits >= 4 {
        let shown: String = name.chars().take(fits - 1).collect();
        write!(
            out,
            r#"<text x="{:.1}" y="{}">{}</text>"#,
            x + 3.0,
            y + 12,
            Escaped(&shown)
        )?;
    }
    out.write_str("</g>")?;
    let mut x = x;
    for (name, callee) in &node.callees {
        draw(
            out,
            callee,
            name,
            Place {
                x,
                row: place.row + 1,
                ..place
            },
        )?;
        x += callee.samples as f64 * place.scale;
    }
    Ok(())
}

/// A warm colour that is always the same for a name (FNV-1a).
fn hue(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % 55
}

/// Text that is nothing but text in XML; characters that XML does not know are replaced.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                    f.write_char('\u{fffd}')?
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::encode::Symbol;
    use super::*;

    fn capture(names: &[&str], stacks: &[(&[u64], i64)]) -> Capture {
        let symbol = |name: &&str| Symbol {
            name: (*name).to_owned(),
            system_name: (*name).to_owned(),
            filename: String::new(),
            line: 0,
        };
        Capture {
            stacks: stacks
                .iter()
                .map(|(addresses, count)| Stack {
                    addresses: addresses.to_vec(),
                    thread: "t".into(),
                    count: *count,
                })
                .collect(),
            symbols: names
                .iter()
                .map(symbol)
                .enumerate()
                .map(|(at, symbol)| (at as u64, vec![symbol]))
                .collect::<HashMap<_, _>>(),
            hz: 99,
            time_nanos: 0,
            duration_nanos: 0,
        }
    }

    #[test]
    fn frames_have_their_share_of_the_width() {
        let names = ["main", "<T as Trait>::call", "idle"];
        let drawn = svg(&capture(
            &names,
            &[(&[1, 0], 30), (&[2, 0], 60), (&[], 10), (&[7, 8, 0], 0)],
        ));
        for frame in [
            r#"<title>all (100 samples, 100.0 %)</title><rect x="0.0" y="24" width="1199.5""#,
            r#"<title>main (90 samples, 90.0 %)</title><rect x="120.0" y="41""#,
            r#"<title>&lt;T as Trait&gt;::call (30 samples, 30.0 %)</title><rect x="120.0" y="58" width="359.5""#,
            r#"<title>idle (60 samples, 60.0 %)</title><rect x="480.0" y="58" width="719.5""#,
            r#"<title>[unknown] (10 samples, 10.0 %)</title>"#,
        ] {
            assert!(drawn.contains(frame), "{frame} is not in\n{drawn}");
        }
        let empty = svg(&capture(&[], &[]));
        assert!(
            empty.contains("0 samples") && empty.ends_with("</svg>\n"),
            "{empty}"
        );
    }

    proptest! {
        #[test]
        fn no_name_becomes_markup(name in "\\PC{0,40}|[<>&\"'/a-z\\x00-\\x1f]{0,40}") {
            let drawn = svg(&capture(&[&name], &[(&[0], 5)]));
            let plain = svg(&capture(&["x"], &[(&[0], 5)]));
            // Short names have no label of their own element count: the frame is wide, so each has one.
            prop_assert_eq!(drawn.matches('<').count(), plain.matches('<').count());
            prop_assert!(!drawn.contains(|c: char| c.is_control() && c != '\n'));
        }
    }
}
