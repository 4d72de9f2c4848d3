//! What users of other tools type: flags that mean something else here, or one thing in one tool and another thing in the next.
//! Each is refused with the flag that does it. Flags of one meaning alone are taken: hidden ones, and aliases in `run`.

mod flags;

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, Error};

use super::values::{cookie, method_or_time};
use crate::traffic::redact::visible;
use flags::{BEFORE_PLANS, ONE_DASH, PLANS, REFUSED};

/// What users of other tools type, of one meaning in all of them. Not in the help.
#[derive(Debug, clap::Args)]
pub(super) struct Typed {
    /// The URL to load, as a flag of curl.
    #[arg(long, hide = true)]
    pub(super) url: Option<String>,
    #[arg(short = 'm', hide = true, value_parser = method_or_time)]
    pub(super) method_or_time: Option<String>,
    #[arg(long, hide = true)]
    pub(super) head: bool,
    /// Any certificate in curl, kept connections in ab.
    #[arg(short = 'k', hide = true)]
    pub(super) k: bool,
    #[arg(long, hide = true, value_parser = cookie)]
    pub(super) cookie: Option<String>,
    #[arg(long, hide = true)]
    pub(super) user_agent: Option<String>,
    #[arg(long, hide = true)]
    pub(super) referer: Option<String>,
    #[arg(long, hide = true)]
    pub(super) compressed: bool,
    /// Redirects are followed in curl; in wrk2 percentiles are printed.
    #[arg(short = 'L', long, alias = "location-trusted", hide = true)]
    pub(super) location: bool,
    /// What telemload does anyway, and what nothing here depends on.
    #[arg(long, aliases = ["latencies", "u_latency", "no-tui", "no-color", "disable-color", "http1", "http1.1", "fail", "show-error", "globoff", "path-as-is", "progress-bar", "headless", "disable-redirects", "disable-compression", "fail-with-body", "basic", "no-progress-meter", "tcp-nodelay", "no-buffer", "raw", "styled-output", "no-pre-lookup", "no-summary", "only-summary", "stats-success-breakdown"], short = 'l', hide = true, action = clap::ArgAction::Count)]
    pub(super) latency: u8,
}

/// Takes the flags of [`REFUSED`], of which the first that was typed is refused in words.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) refused: Option<String>,
}

impl clap::Args for Foreign {
    fn augment_args(command: Command) -> Command {
        command.args(refused().map(|(flag, _)| {
            let arg = Arg::new(flag)
                .hide(true)
                .num_args(0..=1)
                .action(ArgAction::Append)
                .allow_hyphen_values(false);
            match flag.as_bytes() {
                [letter] => arg.short(char::from(*letter)),
                _ => arg.long(flag),
            }
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Foreign {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed =
            |(flag, _): &(&str, &str)| matches.value_source(flag) == Some(ValueSource::CommandLine);
        let refused = refused().find(typed).map(|(flag, words)| {
            let dashes = if flag.len() == 1 { "-" } else { "--" };
            format!("{dashes}{flag} is not taken: {words}")
        });
        Ok(Self { refused })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Each of [`REFUSED`] with its words.
fn refused() -> impl Iterator<Item = (&'static str, &'static str)> {
    let each = |(flags, words): &(&'static str, &'static str)| {
        let words = *words;
        flags.split(' ').map(move |flag| (flag, words))
    };
    REFUSED.iter().flat_map(each)
}

/// A flag that Go's tools take with one dash, such as `-rate`: letters of their own otherwise, which would mean anything.
pub(super) fn one_dash(command: &Command, args: &[OsString]) -> Option<String> {
    let args = args.iter().skip(2).filter_map(|arg| arg.to_str());
    let mut words = args.take_while(|arg| *arg != "--").filter_map(|arg| {
        let name = arg.strip_prefix('-')?.split('=').next()?;
        (name.len() > 1 && !name.starts_with('-')).then_some(name)
    });
    let is_long = |name: &str| {
        command.get_arguments().any(|arg| {
            let aliases = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || aliases.contains(&name)
        })
    };
    let other = |name: &str| {
        let own = ONE_DASH.iter().copied();
        own.chain(refused()).find(|(flag, _)| *flag == name)
    };
    let found = words.find(|name| is_long(name) || other(name).is_some())?;
    Some(match other(found) {
        Some((_, words)) => format!("-{found} is not taken: {words}"),
        None => format!("-{found} begins with two dashes here: --{found}"),
    })
}

/// What is said of a script or plan of another tool, of which a word may be the name; a URL that ends so is loaded like any other, and one that
/// lacks its scheme is refused for that.
pub(super) fn plan(word: &str) -> Option<String> {
    let is_url = word.contains("://") || begins_with_port(word);
    let is_plan = !is_url && PLANS.iter().any(|end| word.ends_with(end));
    is_plan.then(|| {
        format!(
            "{} is of another tool; a scenario is TOML (docs/how-to/coming-from.md translates)",
            visible(word)
        )
    })
}

/// Whether a host with a port stands before a path, as in `localhost:8080/app.js`.
fn begins_with_port(word: &str) -> bool {
    let host = word.split_once('/').map(|(host, _)| host);
    let port = host.and_then(|host| Some(host.rsplit_once(':')?.1));
    port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// The same of the first that is named as these tools do: alone, or behind a letter that would be refused for another reason.
pub(super) fn plan_among(args: &[OsString]) -> Option<String> {
    let args: Vec<&str> = args.iter().skip(1).filter_map(|arg| arg.to_str()).collect();
    args.windows(2).find_map(|pair| {
        let names_plan = !pair[0].starts_with('-') || BEFORE_PLANS.contains(&pair[0]);
        let is_name = !pair[1].starts_with(['-', '@']);
        (names_plan && is_name).then(|| plan(pair[1])).flatten()
    })
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn no_flag_is_refused_twice() {
        // clap's own checks: a letter or name that two arguments have is a panic.
        Foreign::augment_args(Command::new("run")).debug_assert();
        for (flag, words) in refused() {
            assert!(!words.is_empty() && !words.ends_with('.'), "{flag}");
        }
    }
}
