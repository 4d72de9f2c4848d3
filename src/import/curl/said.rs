//! What a command of curl says, before requests are made of it.

use crate::import::Files;
use crate::import::multipart::Part;

/// A command of curl: where it stands, and what it can read.
pub(super) struct Command<'a> {
    pub(super) line: usize,
    pub(super) input: Option<String>,
    pub(super) files: Option<Files<'a>>,
}

/// What one `--next` apart from the others says.
#[derive(Default)]
pub(super) struct Said {
    pub(super) urls: Vec<String>,
    pub(super) method: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) removed: Vec<String>,
    pub(super) data: Vec<Data>,
    pub(super) form: Vec<FormField>,
    pub(super) uploads: Vec<String>,
    pub(super) queries: Vec<String>,
    pub(super) agent: Option<String>,
    pub(super) referer: Option<String>,
    pub(super) cookie: Option<String>,
    pub(super) user: Option<String>,
    pub(super) bearer: Option<String>,
    pub(super) range: Option<String>,
    pub(super) is_get: bool,
    pub(super) is_head: bool,
    pub(super) is_compressed: bool,
    pub(super) is_json: bool,
    /// Whether credentials are sent when the server asks for them.
    pub(super) is_challenged: bool,
    pub(super) is_literal_url: bool,
    pub(super) keeps_dots: bool,
}

impl Said {
    /// The value of a header that is given.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut given = self.headers.iter();
        let given = given.find(|(given, _)| given.eq_ignore_ascii_case(name));
        given.map(|(_, value)| value.as_str())
    }

    /// Whether a header of this name is given or taken away, so that curl writes none by itself.
    pub(super) fn speaks_of(&self, name: &str) -> bool {
        let mut given = self.headers.iter().map(|(given, _)| given);
        let mut names = self.removed.iter();
        given.any(|given| given.eq_ignore_ascii_case(name))
            || names.any(|removed| removed.eq_ignore_ascii_case(name))
    }
}

/// A piece of a body: bytes, or none where they are in a file that is not read.
pub(super) type Data = Option<Vec<u8>>;

pub(super) struct FormField {
    pub(super) part: Part,
    pub(super) is_known: bool,
}
