//! Reads a request body up to a limit and a deadline. Memory never exceeds the limit by more than one frame.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::time::timeout;

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Largest, in KiB.
    pub(crate) kib: usize,
    /// One that takes longer is given up.
    pub(crate) deadline: Duration,
}

/// How much of a body beyond the limit is read and thrown away before the refusal. Closing at once would reset the
/// connection while the client still sends, and the refusal would be lost.
const DISCARD: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TooSlow,
    Broken,
}

/// The whole body, if it is within the limits.
pub(crate) async fn read(body: Body, limits: BodyLimits) -> Result<Bytes, BodyError> {
    read_bytes(body, limits.kib * 1024, limits.deadline).await
}

async fn read_bytes(mut body: Body, limit: usize, deadline: Duration) -> Result<Bytes, BodyError> {
    let mut collecting = pin!(collect(&mut body, limit));
    // A body that came with its head needs no timer.
    if let Poll::Ready(whole) = poll_fn(|cx| Poll::Ready(collecting.as_mut().poll(cx))).await {
        return whole;
    }
    timeout(deadline, collecting)
        .await
        .unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(body: &mut Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        if announced <= (limit + DISCARD) as u64 {
            discard(body, 0).await?;
        }
        return Err(BodyError::TooLarge);
    }
    // Most bodies are one frame, which is passed on as it is.
    let Some(first) = next(body).await? else {
        return Ok(Bytes::new());
    };
    let mut second = Vec::new();
    while first.len() + second.len() <= limit {
        match next(body).await? {
            None if second.is_empty() => return Ok(first),
            None => return Ok([&first[..], &second].concat().into()),
            Some(data) => second.extend_from_slice(&data),
        }
    }
    discard(body, first.len() + second.len() - limit).await?;
    Err(BodyError::TooLarge)
}

async fn discard(body: &mut Body, mut seen: usize) -> Result<(), BodyError> {
    while seen <= DISCARD {
        match next(body).await? {
            Some(data) => seen += data.len(),
            None => break,
        }
    }
    Ok(())
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(BodyError::Broken),
            // Trailers carry no data.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use proptest::prelude::*;

    use super::*;

    struct Frames {
        frames: std::vec::IntoIter<usize>,
        announced: u64,
    }

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            Poll::Ready(
                self.frames
                    .next()
                    .map(|size| Ok(hyper::body::Frame::data(vec![b'x'; size].into()))),
            )
        }

        fn size_hint(&self) -> hyper::body::SizeHint {
            let mut hint = hyper::body::SizeHint::new();
            hint.set_lower(self.announced);
            hint
        }
    }

    fn run(frames: Vec<usize>, announced: u64, limit: usize) -> Result<usize, BodyError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let body = Body::new(Frames {
            frames: frames.into_iter(),
            announced,
        });
        let read = read_bytes(body, limit, Duration::from_secs(60));
        runtime.block_on(read).map(|bytes| bytes.len())
    }

    #[test]
    fn announced_too_large_is_refused_however_large() {
        for announced in [11, 10 + DISCARD as u64, u64::MAX] {
            assert_eq!(run(vec![], announced, 10), Err(BodyError::TooLarge));
        }
    }

    proptest! {
        #[test]
        fn the_limit_holds_for_any_framing(frames in prop::collection::vec(0_usize..40, 0..12), limit in 1_usize..120) {
            let total: usize = frames.iter().sum();
            let expected = if total <= limit { Ok(total) } else { Err(BodyError::TooLarge) };
            prop_assert_eq!(run(frames.clone(), 0, limit), expected);
            prop_assert_eq!(run(frames, total as u64, limit), expected);
        }
    }
}
