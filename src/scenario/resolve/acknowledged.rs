//! The ids of what answers acknowledge: `acknowledged` of a request → templates. They are rendered again, by number, long
//! after the request was sent, and compared with what a target stored: so they hold only what follows from that number, and
//! differ for every request of a run. Pure.

use std::ops::Range;

use crate::scenario::read::error::{Error, Source};
use crate::scenario::read::file::Text;
use crate::traffic::template::{Part, Scope, Template};

/// Whether the numbers of requests tell all requests of a run apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// A run of one stretch of load.
    Once,
    /// They begin again with every variant, phase, round and profiled repetition.
    Again,
}

/// Longest list: a document has no more payloads.
const MOST_IDS: usize = 1_000;

/// Compiles the ids of one request under `key`.
pub(super) fn ids(
    source: Source<'_>,
    key: &str,
    given: &[Text],
    scope: &Scope<'_>,
    numbers: Numbers,
) -> Result<Vec<Template>, Error> {
    let refused = |span: Range<usize>, message: String| source.error(Some(span), key, message);
    let mut ids = Vec::new();
    for (at, text) in given.iter().enumerate() {
        let refused = |message: String| refused(text.span(), message);
        if at == MOST_IDS {
            return Err(refused(format!(
                "an answer acknowledges at most {MOST_IDS} ids; send less in a request"
            )));
        }
        if given[..at]
            .iter()
            .any(|other| other.get_ref() == text.get_ref())
        {
            return Err(refused(format!(
                "`{}` is there twice; give each its own id",
                text.get_ref()
            )));
        }
        let id =
            Template::compile(text.get_ref(), 0, scope).map_err(|error| refused(error.message))?;
        check(&id, numbers).map_err(refused)?;
        ids.push(id);
    }
    Ok(ids)
}

fn check(id: &Template, numbers: Numbers) -> Result<(), String> {
    let (mut has_seq, mut has_stretch) = (false, false);
    for part in Part::leaves(id.parts()) {
        match part {
            Part::Seq => has_seq = true,
            Part::Stretch => has_stretch = true,
            Part::DeviceId | Part::Run => {}
            Part::Text(bytes) if bytes.iter().any(u8::is_ascii_control) => {
                return Err("an id has no line breaks or control characters: each is a line of a file".to_owned());
            }
            Part::Text(_) => {}
            _ => return Err("an id is made of `{{seq}}`, `{{stretch}}`, `{{run}}`, `{{device.id}}`, `base64` of these, and text: everything else is another value each time, or a secret".to_owned()),
        }
    }
    if !has_seq {
        return Err("all requests would have the same id; use `{{seq}}` in it".to_owned());
    }
    if !has_stretch && numbers == Numbers::Again {
        return Err("`{{seq}}` begins at 0 again with every variant, phase, round and profiled repetition; use `{{stretch}}` too, here and in the request".to_owned());
    }
    Ok(())
}
