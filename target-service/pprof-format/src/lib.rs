//! The messages of pprof's `profile.proto`, for writing and for reading profiles.
//!
//! Names are indices into `string_table`, whose entry 0 is the empty string. The messages hold what was decoded
//! and check nothing: a reader must treat every index and id as untrusted.

use prost::Message;

/// A whole profile; on the wire usually gzip'd.
#[derive(Clone, PartialEq, Message)]
pub struct Profile {
    /// Meaning of each entry of `Sample::value`.
    #[prost(message, repeated, tag = "1")]
    pub sample_type: Vec<ValueType>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub sample: Vec<Sample>,
    /// Address ranges and the binaries behind them.
    #[prost(message, repeated, tag = "3")]
    pub mapping: Vec<Mapping>,
    /// Places that samples refer to.
    #[prost(message, repeated, tag = "4")]
    pub location: Vec<Location>,
    /// Functions that lines refer to.
    #[prost(message, repeated, tag = "5")]
    pub function: Vec<Function>,
    /// All text; entry 0 is empty.
    #[prost(string, repeated, tag = "6")]
    pub string_table: Vec<String>,
    /// Text index of a pattern: frames to drop together with their callees.
    #[prost(int64, tag = "7")]
    pub drop_frames: i64,
    /// Text index of a pattern: frames to keep although `drop_frames` matches.
    #[prost(int64, tag = "8")]
    pub keep_frames: i64,
    /// Start of the capture, nanoseconds since the epoch.
    #[prost(int64, tag = "9")]
    pub time_nanos: i64,
    /// Length of the capture, nanoseconds.
    #[prost(int64, tag = "10")]
    pub duration_nanos: i64,
    /// Unit of `period`.
    #[prost(message, optional, tag = "11")]
    pub period_type: Option<ValueType>,
    /// Events between two samples.
    #[prost(int64, tag = "12")]
    pub period: i64,
    /// Text indices of free comments.
    #[prost(int64, repeated, tag = "13")]
    pub comment: Vec<i64>,
    /// Text index of the sample type to show first; 0 means the last one.
    #[prost(int64, tag = "14")]
    pub default_sample_type: i64,
    /// Text index of a link to documentation.
    #[prost(int64, tag = "15")]
    pub doc_url: i64,
}

/// A kind of value and its unit.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ValueType {
    /// Text index, such as `cpu`.
    #[prost(int64, tag = "1")]
    pub r#type: i64,
    /// Text index, such as `nanoseconds`.
    #[prost(int64, tag = "2")]
    pub unit: i64,
}

/// A stack and how much was seen of it.
#[derive(Clone, PartialEq, Message)]
pub struct Sample {
    /// Location ids, leaf first.
    #[prost(uint64, repeated, tag = "1")]
    pub location_id: Vec<u64>,
    /// One value per sample type.
    #[prost(int64, repeated, tag = "2")]
    pub value: Vec<i64>,
    /// Additional context, such as the thread.
    #[prost(message, repeated, tag = "3")]
    pub label: Vec<Label>,
}

/// A key with either text or a number.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Label {
    /// Text index.
    #[prost(int64, tag = "1")]
    pub key: i64,
    /// Text index of the value, or 0.
    #[prost(int64, tag = "2")]
    pub str: i64,
    /// Numeric value.
    #[prost(int64, tag = "3")]
    pub num: i64,
    /// Text index of the number's unit.
    #[prost(int64, tag = "4")]
    pub num_unit: i64,
}

/// A mapped binary.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Mapping {
    /// Nonzero and unique.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// First address.
    #[prost(uint64, tag = "2")]
    pub memory_start: u64,
    /// First address behind the mapping.
    #[prost(uint64, tag = "3")]
    pub memory_limit: u64,
    /// Offset of `memory_start` in the file.
    #[prost(uint64, tag = "4")]
    pub file_offset: u64,
    /// Text index.
    #[prost(int64, tag = "5")]
    pub filename: i64,
    /// Text index.
    #[prost(int64, tag = "6")]
    pub build_id: i64,
    /// Whether functions are resolved.
    #[prost(bool, tag = "7")]
    pub has_functions: bool,
    /// Whether file names are resolved.
    #[prost(bool, tag = "8")]
    pub has_filenames: bool,
    /// Whether line numbers are resolved.
    #[prost(bool, tag = "9")]
    pub has_line_numbers: bool,
    /// Whether inlined frames are resolved.
    #[prost(bool, tag = "10")]
    pub has_inline_frames: bool,
}

/// A place in the code.
#[derive(Clone, PartialEq, Message)]
pub struct Location {
    /// Nonzero and unique.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Id of the mapping, or 0.
    #[prost(uint64, tag = "2")]
    pub mapping_id: u64,
    /// Instruction address, or 0.
    #[prost(uint64, tag = "3")]
    pub address: u64,
    /// Innermost inlined function first; the last entry is the function that was called.
    #[prost(message, repeated, tag = "4")]
    pub line: Vec<Line>,
    /// Whether several addresses share this place.
    #[prost(bool, tag = "5")]
    pub is_folded: bool,
}

/// A line of a function.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Line {
    /// Id of the function.
    #[prost(uint64, tag = "1")]
    pub function_id: u64,
    /// Line number, or 0.
    #[prost(int64, tag = "2")]
    pub line: i64,
    /// Column, or 0.
    #[prost(int64, tag = "3")]
    pub column: i64,
}

/// A function.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Function {
    /// Nonzero and unique.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Text index of the demangled name.
    #[prost(int64, tag = "2")]
    pub name: i64,
    /// Text index of the name in the symbol table.
    #[prost(int64, tag = "3")]
    pub system_name: i64,
    /// Text index of the source file, or 0.
    #[prost(int64, tag = "4")]
    pub filename: i64,
    /// First line, or 0.
    #[prost(int64, tag = "5")]
    pub start_line: i64,
}
