//! Lays the command line's flags over a scenario's tables, as a variant's keys are laid over them: what is resolved afterwards
//! knows no flags, only places.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::error::Source;
use super::file::{self, InOrder, Text};
use super::flags::{Body, Content, Field, GivenTarget, Overrides, TlsFlags};
use super::texts::{FieldEntry, FieldTable, Fields, Texts};
use super::values::{Length, PerSecond};
use crate::traffic::template::literal_unless_known;

/// pprof endpoints count whole seconds, and many servers write for no longer than some minutes.
pub(in crate::scenario) const PROFILE_LENGTHS: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(300));

/// Lays the flags over one variant of a scenario; what the user should know of them is told.
pub(in crate::scenario) fn lay_flags(
    source: Source<'_>,
    file: &mut file::File,
    flags: &Overrides,
) -> Vec<String> {
    let mut notes = Vec::new();
    let over = Over { source, flags };
    over.target(file.target.get_mut());
    let phases = file.phase.iter_mut().map(|phase| &mut phase.load);
    for load in file.load.iter_mut().chain(phases) {
        over.load(load.get_mut());
    }
    over.profile(&mut file.profile);
    over.replace(&mut file.gate.budget, "--budget", flags.budget.map(Length));
    let names: Vec<String> = (file.request.iter())
        .flat_map(|request| &request.extract.0)
        .map(|(name, _)| name.get_ref().clone())
        .chain(file.feed.keys().map(|name| name.get_ref().clone()))
        .collect();
    for request in &mut file.request {
        over.request(request, &mut |text| {
            literal_unless_known(text, &names, &mut notes)
        });
    }
    if flags.allow_untrusted {
        file.allow_untrusted = true;
        for threshold in &mut file.threshold {
            threshold.allow_untrusted = Some(true);
        }
    }
    notes
}

/// Makes a template of a text that was typed.
type Typed<'a> = &'a mut dyn FnMut(&str) -> String;

struct Over<'a> {
    source: Source<'a>,
    flags: &'a Overrides,
}

impl Over<'_> {
    fn at<T>(&self, flag: &str, value: T) -> Spanned<T> {
        Spanned::new(self.source.flag(flag), value)
    }

    /// A flag's value in the place of a key's.
    fn replace<T, G>(&self, key: &mut Option<Spanned<T>>, flag: &str, given: Option<G>)
    where
        G: Into<T>,
    {
        if let Some(given) = given {
            *key = Some(self.at(flag, given.into()));
        }
    }

    fn replace_path(&self, key: &mut Option<Text>, flag: &str, given: Option<&Path>) {
        self.replace(key, flag, given.map(|path| path.to_string_lossy()));
    }

    /// Another target has none of the keys that belong to the scenario's own.
    fn given_target(&self, target: &mut file::Target) {
        let Some(given) = &self.flags.target else {
            return;
        };
        (target.gateway, target.command, target.url) = (None, None, None);
        (target.pid, target.metrics) = (None, None);
        match given {
            GivenTarget::Command { flag, line } => {
                (target.connect_to, target.unix_socket, target.proxy) = (None, None, None);
                target.command = Some(self.at(flag, line.clone()));
            }
            GivenTarget::Url { flag, url } => {
                (target.ready, target.port, target.instances) = (None, None, None);
                target.url = Some(self.at(flag, url.clone()));
            }
        }
    }

    fn target(&self, target: &mut file::Target) {
        let flags = self.flags;
        self.given_target(target);
        if let Some(before) = &flags.before_command {
            if let Some(command) = &mut target.command {
                let line = format!("{before} {}", command.get_ref());
                *command = Spanned::new(command.span(), line);
            }
            target.before_gateway = Some(before.clone());
        }
        self.replace(&mut target.pid, "--pid", flags.pid);
        // Either flag takes the place of either key.
        if flags.connect_to.is_some() || flags.unix_socket.is_some() {
            (target.connect_to, target.unix_socket) = (None, None);
        }
        self.replace(
            &mut target.connect_to,
            "--connect-to",
            flags.connect_to.clone(),
        );
        self.replace_path(
            &mut target.unix_socket,
            "--unix-socket",
            flags.unix_socket.as_deref(),
        );
        self.replace(&mut target.proxy, "--proxy", flags.proxy.clone());
        self.replace(&mut target.bind, "--bind", flags.bind.clone());
        self.tls(&mut target.tls);
    }

    fn tls(&self, keys: &mut Option<Spanned<file::Tls>>) {
        let TlsFlags {
            ca,
            cert,
            key,
            server_name,
            insecure,
            no_resumption,
        } = &self.flags.tls;
        let first = [
            ("--cacert", ca.is_some()),
            ("--cert", cert.is_some()),
            ("--key", key.is_some()),
            ("--server-name", server_name.is_some()),
            ("--insecure", *insecure),
            ("--no-resumption", *no_resumption),
        ];
        let Some((first, _)) = first.into_iter().find(|(_, given)| *given) else {
            return;
        };
        let tls = keys.get_or_insert_with(|| self.at(first, file::Tls::default()));
        let tls = tls.get_mut();
        if *insecure || ca.is_some() {
            (tls.ca, tls.insecure) = (None, None);
        }
        self.replace_path(&mut tls.ca, "--cacert", ca.as_deref());
        self.replace_path(&mut tls.cert, "--cert", cert.as_deref());
        self.replace_path(&mut tls.key, "--key", key.as_deref());
        self.replace(
            &mut tls.server_name,
            "--server-name",
            server_name.as_deref(),
        );
        self.replace(&mut tls.insecure, "--insecure", insecure.then_some(true));
        let never = file::Resumption::All(false);
        self.replace(
            &mut tls.resumption,
            "--no-resumption",
            no_resumption.then_some(never),
        );
    }

    fn load(&self, load: &mut file::Load) {
        let flags = self.flags;
        if let Some(connections) = flags.connections {
            load.connections = self.at("-c", connections);
        }
        if let Some(rate) = flags.rate {
            load.model = self.at("-R", "open".to_owned());
            load.rate = Some(self.at("-R", PerSecond(rate.per_second())));
            // A constant rate for as long as the stages would last.
            if let Some(stages) = load.stages.take() {
                let length = length_of(stages.get_ref());
                let duration = Spanned::new(stages.span(), Length(length));
                load.duration.get_or_insert(duration);
            }
        }
        self.replace(&mut load.duration, "-d", flags.duration.map(Length));
        self.replace(&mut load.timeout, "-T", flags.timeout.map(Length));
        self.replace(&mut load.requests, "-n", flags.requests);
        self.replace(&mut load.workers, "--workers", flags.workers);
        if flags.no_keep_alive {
            load.keep_alive = Some(false);
        }
    }

    fn profile(&self, profile: &mut Option<file::Profile>) {
        if let Some(url) = &self.flags.pprof {
            let (hz, duration) = profile
                .take()
                .map_or((None, None), |profile| (profile.hz, profile.duration));
            *profile = Some(file::Profile {
                cpu: self.at("--pprof", "pprof".to_owned()),
                url: Some(self.at("--pprof", url.clone())),
                hz,
                duration,
            });
        }
        // The flag is for the load, which may be shorter or longer than any profile.
        if let (Some(profile), Some(duration)) = (profile, self.flags.duration) {
            let (shortest, longest) = PROFILE_LENGTHS;
            profile.duration = Some(self.at("-d", Length(duration.clamp(shortest, longest))));
        }
    }

    fn request(&self, request: &mut file::Request, template: Typed<'_>) {
        self.replace(&mut request.method, "-M", self.flags.method.clone());
        match &self.flags.body {
            None => {}
            Some(Body::Form(fields)) => {
                request.drop_bodies();
                request.form = Some(self.at("--form", self.form(fields, template)));
            }
            Some(Body::Text(text)) => {
                request.drop_bodies();
                request.body = Some(self.at("--body", template(text)));
            }
            Some(Body::Raw(bytes)) => {
                request.drop_bodies();
                request.body_bytes = Some(self.at("--body", bytes.clone()));
            }
        }
        self.headers(&mut request.headers, template);
    }

    fn form(&self, fields: &[Field], template: Typed<'_>) -> InOrder<Spanned<Fields>> {
        let mut field = |field: &Field| {
            let mut table = FieldTable {
                filename: field.filename.clone().map(|name| self.at("--form", name)),
                r#type: field.media_type.clone().map(|kind| self.at("--form", kind)),
                ..FieldTable::default()
            };
            match &field.content {
                Content::Text(text) => {
                    table.value = Some(self.at("--form", template(text)));
                }
                Content::Raw(bytes) => table.bytes = Some(bytes.clone()),
            }
            let entry = Fields::One(FieldEntry::Table(table));
            (
                self.at("--form", field.name.clone()),
                self.at("--form", entry),
            )
        };
        InOrder(fields.iter().map(&mut field).collect())
    }

    fn headers(&self, headers: &mut InOrder<Spanned<Texts>>, template: Typed<'_>) {
        let given = &self.flags.headers;
        let named = |name: &str, is_default: bool| {
            let same = given
                .iter()
                .filter(move |other| other.is_default == is_default);
            let mut same = same.filter(|other| other.name.eq_ignore_ascii_case(name));
            same.next().is_some()
        };
        let replaced = |name: &str| named(name, false) || named(name, true);
        headers.0.retain(|(name, _)| !replaced(name.get_ref()));
        for header in given {
            let Some(value) = &header.value else { continue };
            if header.is_default && named(&header.name, false) {
                continue;
            }
            let (name, value) = (header.name.clone(), Texts::One(template(value)));
            headers.0.push((self.at("-H", name), self.at("-H", value)));
        }
    }
}

/// How long stages last.
fn length_of(stages: &[file::Stage]) -> Duration {
    let times = stages
        .iter()
        .filter_map(|stage| stage.over.as_ref().or(stage.hold.as_ref()));
    times.map(|time| time.get_ref().0).sum()
}
