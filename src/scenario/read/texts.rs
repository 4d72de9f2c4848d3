//! Values that may be one or several: the texts of a header, the fields of a form.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

/// A text with its place.
pub(in crate::scenario) type Text = Spanned<String>;

/// A text, or a list of them.
#[derive(Debug)]
pub(in crate::scenario) enum Texts {
    One(String),
    Many(Vec<Text>),
}

/// A field of a form, or several of the same name.
#[derive(Debug)]
pub(in crate::scenario) enum Fields {
    One(FieldEntry),
    Many(Vec<Spanned<FieldEntry>>),
}

/// A text, or what says more.
#[derive(Debug)]
pub(in crate::scenario) enum FieldEntry {
    Text(String),
    Table(FieldTable),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct FieldTable {
    pub(in crate::scenario) value: Option<Text>,
    pub(in crate::scenario) file: Option<Text>,
    /// What only a flag can give.
    #[serde(skip)]
    pub(in crate::scenario) bytes: Option<Vec<u8>>,
    pub(in crate::scenario) filename: Option<Text>,
    pub(in crate::scenario) r#type: Option<Text>,
}

// Written out because an untagged enum would lose the place and the list of what is allowed.
impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or a list of strings")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    texts.push(text);
                }
                Ok(Texts::Many(texts))
            }
        }
        deserializer.deserialize_any(TextsVisitor)
    }
}

// For the same reason.
impl<'de> Deserialize<'de> for FieldEntry {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{FIELD}, or a list of these")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Fields, E> {
                EntryVisitor.visit_str(text).map(Fields::One)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Fields, A::Error> {
                EntryVisitor.visit_map(map).map(Fields::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = seq.next_element()? {
                    fields.push(field);
                }
                Ok(Fields::Many(fields))
            }
        }
        deserializer.deserialize_any(FieldsVisitor)
    }
}

/// What a field may be.
const FIELD: &str = "a text, or { file = \"photo.jpg\", type = \"image/jpeg\" }";

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = FieldEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FIELD)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<FieldEntry, E> {
        Ok(FieldEntry::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldEntry, A::Error> {
        FieldTable::deserialize(MapAccessDeserializer::new(map)).map(FieldEntry::Table)
    }
}
