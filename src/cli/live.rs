//! The endpoint of `--live`: a run's figures for Prometheus, on a thread of its own until the command ends.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::listen::Bound;
use super::output::say;
use crate::report::live::{CONTENT_TYPE, metrics};
use crate::report::terminal::progress::Shared;

/// Who asks for longer is cut off.
const PATIENCE: Duration = Duration::from_secs(5);
/// The head of a question has so many bytes at most.
const MOST_HEAD: usize = 8 << 10;
/// Questions at a time; one more ends the oldest.
const MOST_AT_ONCE: usize = 16;
/// Where the figures are.
const PATH: &str = "/metrics";

/// Whoever asks again and again is waited for no longer than this, so that the final figures are read.
const LONGEST: Duration = Duration::from_secs(30);

/// A thread that answers.
pub(super) struct Served {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    questions: Arc<Questions>,
}

/// Who has asked for the figures so far.
#[derive(Debug, Default)]
struct Questions {
    known: Mutex<Asked>,
    noted: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    last: Option<Instant>,
    /// Time between the last two questions.
    between: Option<Duration>,
    /// Whether the figures change no more.
    is_final: bool,
    /// Whether someone was told them since.
    told_final: bool,
}

impl Questions {
    fn with<T>(&self, tell: impl FnOnce(&mut Asked) -> T) -> T {
        tell(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One was answered; `told_final` says whether with final figures.
    fn answered(&self, now: Instant, told_final: bool) {
        self.with(|known| {
            let since = |last| now.saturating_duration_since(last);
            known.between = known.last.map(since).or(known.between);
            known.last = Some(now);
            known.told_final |= told_final;
        });
        self.noted.notify_all();
    }

    /// How long to wait for one more; `None` if nobody is expected to ask.
    fn patience(&self) -> Option<Duration> {
        let Asked {
            between,
            told_final,
            ..
        } = self.with(|known| *known);
        let between = between.filter(|_| !told_final)?;
        Some((between * 2).clamp(Duration::from_secs(1), LONGEST))
    }

    /// Returns when someone was told the final figures, or this time has passed.
    fn wait(&self, patience: Duration) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |known: &mut Asked| !known.told_final;
        // Whether the time has passed does not matter.
        drop(self.noted.wait_timeout_while(known, patience, told));
    }
}

impl Served {
    /// The figures change no more.
    pub(super) fn is_final(&self) {
        self.questions.with(|known| known.is_final = true);
    }

    /// Goes on answering until whoever has asked again and again was told the final figures: for twice the time between two questions
    /// at most.
    pub(super) fn last_question(&self, quiet: bool) {
        let Some(patience) = self.questions.patience() else {
            return;
        };
        if !quiet {
            say(&format!(
                "live figures: kept until the final ones are asked for, {:.0} s at most",
                patience.as_secs_f64().ceil()
            ));
        }
        self.questions.wait(patience);
    }

    /// Answers with what is known of the run, until the answer is dropped.
    pub(super) fn serve(bound: Bound, standing: Shared, quiet: bool) -> anyhow::Result<Self> {
        let Bound { listener, address } = bound;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot set up the runtime of --live")?;
        listener.set_nonblocking(true).context("--live")?;
        let (stop, stopped) = oneshot::channel();
        let questions = Arc::new(Questions::default());
        let of_thread = Arc::clone(&questions);
        let thread = std::thread::Builder::new().name("live".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, standing, of_thread) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        if !quiet {
            say(&format!("live figures: http://{address}{PATH}"));
        }
        Ok(Served {
            stop: Some(stop),
            thread: Some(thread.context("cannot start the thread of --live")?),
            questions,
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends when nobody holds the other side any more.
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has told so.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, standing: Shared, questions: Arc<Questions>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut asking = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                asking.retain(|one: &AbortHandle| !one.is_finished());
                // Whoever connects and asks nothing keeps nobody else out.
                if asking.len() == MOST_AT_ONCE
                    && let Some(oldest) = asking.pop_front()
                {
                    oldest.abort();
                }
                let (standing, questions) = (standing.clone(), questions.clone());
                let answered = tokio::spawn(async move {
                    // Who is gone, or too slow, gets nothing.
                    let _ = timeout(PATIENCE, answer(stream, &standing, &questions)).await;
                });
                asking.push_back(answered.abort_handle());
                // A question that is there already is answered before the next one is taken.
                tokio::task::yield_now().await;
            }
            // Such as a lack of file descriptors, which passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(mut stream: TcpStream, standing: &Shared, questions: &Questions) -> io::Result<()> {
    let mut told = None;
    let mut head = Vec::with_capacity(1_024);
    let reply = loop {
        if let Some(reply) = reply(&head, || {
            told = Some(questions.with(|known| known.is_final));
            let known = standing.lock().expect("nothing panics while it holds this");
            metrics(&known, Instant::now())
        }) {
            break reply;
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await?;
    if let Some(told_final) = told {
        questions.answered(Instant::now(), told_final);
    }
    Ok(())
}

/// What a question is answered with; `None` as long as it is not complete.
fn reply(head: &[u8], metrics: impl FnOnce() -> String) -> Option<String> {
    let is_whole = [&b"\r\n\r\n"[..], b"\n\n"]
        .iter()
        .any(|end| memchr::memmem::find(head, end).is_some());
    if !is_whole && head.len() < MOST_HEAD {
        return None;
    }
    // Of the question its first line alone matters.
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = std::str::from_utf8(first).unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    let (method, path) = match words[..] {
        [method, path, version] if is_whole && version.starts_with("HTTP/1.") => (method, path),
        _ => ("", ""),
    };
    let path = path.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", PATH) => ("200 OK", CONTENT_TYPE, metrics()),
        ("GET" | "HEAD", _) => (
            "404 Not Found",
            "text/plain",
            format!("the figures are at {PATH}\n"),
        ),
        ("", _) => ("400 Bad Request", "text/plain", String::new()),
        _ => ("405 Method Not Allowed", "text/plain", String::new()),
    };
    let length = body.len();
    let body = if method == "HEAD" { "" } else { &body };
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::live::Standing;

    #[test]
    fn questions_are_answered_when_they_are_complete() {
        let reply = |head: &[u8]| reply(head, || "figures\n".to_owned());
        assert_eq!(reply(b""), None);
        assert_eq!(reply(b"GET /metrics HTTP/1.1\r\nHost: x\r\n"), None);
        for (head, status, body) in [
            (
                &b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"[..],
                "200 OK",
                "figures\n",
            ),
            (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200 OK", "figures\n"),
            (b"HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK", ""),
            (
                b"GET / HTTP/1.1\r\n\r\n",
                "404 Not Found",
                "the figures are at /metrics\n",
            ),
            (
                b"POST /metrics HTTP/1.1\r\n\r\n",
                "405 Method Not Allowed",
                "",
            ),
            (b"\x16\x03\x01\r\n\r\n", "400 Bad Request", ""),
        ] {
            let answer = reply(head).unwrap();
            let (first, rest) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                first.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                "{first}"
            );
            assert_eq!(rest, body);
        }
        let endless = [
            b"GET /metrics HTTP/1.1\r\nX: ".to_vec(),
            vec![b'x'; MOST_HEAD],
        ]
        .concat();
        assert!(reply(&endless).unwrap().starts_with("HTTP/1.1 400"));
    }

    #[test]
    fn whoever_asks_again_and_again_is_waited_for_and_nobody_else() {
        let questions = Questions::default();
        let began = Instant::now();
        let after = |ms| began + Duration::from_millis(ms);
        assert_eq!(questions.patience(), None);
        questions.answered(after(0), false);
        assert_eq!(questions.patience(), None);
        for (ms, seconds) in [(200, 1), (5_200, 10), (65_200, 30)] {
            questions.answered(after(ms), false);
            assert_eq!(questions.patience(), Some(Duration::from_secs(seconds)));
        }
        questions.answered(after(66_000), true);
        assert_eq!(questions.patience(), None);
        // It returns at once.
        questions.wait(Duration::from_secs(3_600));
    }

    #[tokio::test]
    async fn who_asks_nothing_keeps_nobody_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let standing = Arc::new(Mutex::new(Standing::of("s")));
        let serving = accept(listener, standing, Arc::new(Questions::default()));
        let asking = async {
            let mut silent = Vec::new();
            for _ in 0..2 * MOST_AT_ONCE - 2 {
                silent.push(TcpStream::connect(address).await.unwrap());
            }
            let mut one = TcpStream::connect(address).await.unwrap();
            one.write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            one.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            // Nobody had to lose patience for that: one of those that came first is still heard.
            let mut first = silent.swap_remove(MOST_AT_ONCE - 1);
            first
                .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
                .await
                .unwrap();
            first.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
        };
        tokio::select! {
            () = serving => unreachable!("it serves without an end"),
            () = asking => {}
        }
    }
}
