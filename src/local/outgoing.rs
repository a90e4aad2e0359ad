//! The sending half of a link: messages to one worker, in order.
//!
//! A newcomer's trap: a file goes with the first byte of its message, since the system hands
//! descriptors over with bytes and not by themselves.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::row::block::HEADER_BYTES;

/// What waits to be sent: a block, and a file that goes with it.
pub(super) struct Message {
    pub header: [u8; HEADER_BYTES],
    pub payload: Bytes,
    pub file: Option<OwnedFd>,
}

/// Writes messages in order until the link goes.
pub(super) async fn send_all(
    socket: UnixStream,
    mut messages: mpsc::UnboundedReceiver<Message>,
    kill: CancellationToken,
) {
    let work = async {
        while let Some(message) = messages.recv().await {
            if send_message(&socket, message).await.is_err() {
                // The receiving half sees the worker's end and says so.
                return;
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = kill.cancelled() => {}
    }
}

async fn send_message(socket: &UnixStream, mut message: Message) -> std::io::Result<()> {
    let mut sent = 0;
    let total = HEADER_BYTES + message.payload.len();
    while sent < total {
        let head = &message.header[sent.min(HEADER_BYTES)..];
        let body = &message.payload[sent.saturating_sub(HEADER_BYTES)..];
        let file = message.file.as_ref();
        let result = socket
            .async_io(Interest::WRITABLE, || {
                let slices = [IoSlice::new(head), IoSlice::new(body)];
                let mut space =
                    [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                let descriptors = file.map(AsFd::as_fd);
                if let Some(descriptor) = &descriptors {
                    let rights = SendAncillaryMessage::ScmRights(std::slice::from_ref(descriptor));
                    ancillary.push(rights);
                }
                Ok(sendmsg(socket, &slices, &mut ancillary, SendFlags::NOSIGNAL)?)
            })
            .await?;
        message.file = None;
        sent += result;
    }
    Ok(())
}
