//! The functions of one profile as CSV.

use crate::report::document::profile::row;
use crate::report::figures::top::Top;

/// A row a function, with a header.
pub fn csv(top: &Top<'_>) -> String {
    let header = [
        "function",
        "self_samples",
        "total_samples",
        "self_share",
        "total_share",
        "total_share_low",
        "total_share_high",
        "self_share_low",
        "self_share_high",
        "if_free",
    ];
    super::csv(
        &header,
        top.rows().into_iter().map(|function| {
            let of = row(top, function);
            [
                of.function.to_owned(),
                of.self_samples.to_string(),
                of.total_samples.to_string(),
                of.self_share.to_string(),
                of.total_share.to_string(),
                of.total_share_low.to_string(),
                of.total_share_high.to_string(),
                of.self_share_low.to_string(),
                of.self_share_high.to_string(),
                of.if_free.map_or(String::new(), |value| value.to_string()),
            ]
        }),
    )
}
