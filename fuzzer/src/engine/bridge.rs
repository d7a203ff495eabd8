//! The wire between our broker and that of another campaign.
//!
//! LLMP can connect brokers itself (`connect_b2b`), but three things speak against it. It numbers the other broker before its listener
//! begins to count, so that the first worker may get the same number, and is never passed on. It looks for what to send only
//! when something comes, or after three seconds. And it writes each message in two parts; an end that gets the first and
//! not the second panics. So we come to our own listener and to the other's as a broker would, and carry messages between
//! the two: whole ones only, none that is too long, and empty ones now and then to wake both.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use libafl_bolts::llmp::{TcpRequest, TcpResponse, send_tcp_msg};
use murphy_schedule::bytes::BYTES_MAX;

use super::broker::spawn;

/// How long to wait for an answer over the network.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How often LLMP's threads are woken.
pub(super) const WAKE: Duration = Duration::from_millis(200);
/// The longest greeting of a broker.
const GREETING_MAX: usize = 4096;
/// The longest message of ours, with the name of its target and what LLMP adds.
const MESSAGE_MAX: usize = BYTES_MAX + 1024;

/// Comes to the listener at `address` as the broker of another campaign. From now on it sends messages.
///
/// # Errors
/// If nobody is there, or somebody who does not answer as a broker.
pub(super) fn knock(address: SocketAddr) -> io::Result<TcpStream> {
    let stranger = || io::Error::other("something answers that is no broker of LLMP");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let answer = |stream: &mut TcpStream| {
        let frame = read_frame(stream, GREETING_MAX)?;
        TcpResponse::try_from(frame[4..].to_vec()).map_err(|_| stranger())
    };
    let TcpResponse::BrokerConnectHello { .. } = answer(&mut stream)? else { return Err(stranger()) };
    let hello = TcpRequest::RemoteBrokerHello { hostname: "murphy".into() };
    send_tcp_msg(&mut stream, &hello).map_err(|_| stranger())?;
    let TcpResponse::RemoteBrokerAccepted { .. } = answer(&mut stream)? else { return Err(stranger()) };
    stream.set_read_timeout(None)?;
    Ok(stream)
}

/// Two brokers, connected until one of them is gone. Dropping it wakes them no more.
pub(super) struct Bridge {
    _awake: Sender<()>,
}

impl Bridge {
    /// Carries messages between two brokers, who take both streams for those of the other.
    ///
    /// # Errors
    /// If the streams cannot be shared between threads.
    pub(super) fn between(ours: TcpStream, theirs: TcpStream) -> io::Result<Self> {
        let (awake, asleep) = bounded(0);
        let ends = [ours, theirs];
        let readers = [ends[0].try_clone()?, ends[1].try_clone()?];
        let writers = Arc::new(ends.map(Mutex::new));
        for (from, mut reader) in readers.into_iter().enumerate() {
            let writers = writers.clone();
            spawn(move || {
                while let Ok(frame) = read_frame(&mut reader, MESSAGE_MAX) {
                    if write(&writers[1 - from], &frame).is_err() {
                        break;
                    }
                }
                // The other direction ends, too.
                writers.iter().for_each(close);
            });
        }
        spawn(move || wake(&writers, &asleep));
        Ok(Self { _awake: awake })
    }
}

/// Sends both ends empty messages, which their brokers drop, until one is gone.
fn wake(ends: &[Mutex<TcpStream>; 2], asleep: &Receiver<()>) {
    // As LLMP writes a message: the number of its sender, its tag, its flags, its bytes.
    let empty: (u32, u32, u32, &[u8]) = (0, 0, 0, &[]);
    let send = |end: &Mutex<TcpStream>| {
        end.lock().map_err(drop).and_then(|mut stream| send_tcp_msg(&mut stream, &empty).map_err(drop))
    };
    while asleep.recv_timeout(WAKE) == Err(RecvTimeoutError::Timeout) && ends.iter().all(|end| send(end).is_ok()) {}
}

fn write(end: &Mutex<TcpStream>, frame: &[u8]) -> io::Result<()> {
    end.lock().map_err(|_| io::Error::other("a thread that writes has panicked"))?.write_all(frame)
}

fn close(end: &Mutex<TcpStream>) {
    if let Ok(stream) = end.lock() {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// A message with its length before it, four bytes, the highest first.
fn read_frame(stream: &mut TcpStream, max: usize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame)?;
    let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
    if length > max {
        return Err(io::Error::other(format!("a message of {length} bytes, expected {max} at most")));
    }
    frame.resize(4 + length, 0);
    stream.read_exact(&mut frame[4..])?;
    Ok(frame)
}
