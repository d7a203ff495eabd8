//! turmoil: hosts with UDP sockets on tokio. Its time moves in ticks, and each tick polls every host, so what suits it best is
//! latencies below a tick: then every host has something to do in every tick.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use turmoil::{Builder, lookup, net::UdpSocket};

use crate::Talk;

const PORT: u16 = 1738;

async fn socket() -> std::io::Result<UdpSocket> {
    UdpSocket::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await
}

/// Has the conversation once; how many messages were received.
pub fn run(talk: Talk, seed: u64) -> u64 {
    let received = Arc::new(AtomicU64::new(0));
    let mut sim = Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(1_000_000))
        .min_message_latency(Duration::ZERO)
        .max_message_latency(Duration::from_millis(1))
        .build();
    let count = received.clone();
    sim.host("server", move || {
        let count = count.clone();
        async move {
            let (socket, mut buffer) = (socket().await?, [0; 8]);
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await?;
                count.fetch_add(1, Relaxed);
                socket.send_to(&buffer[..length], from).await?;
            }
        }
    });
    for client in 0..talk.clients {
        let count = received.clone();
        sim.client(format!("client{client}"), async move {
            let (socket, mut buffer) = (socket().await?, [0; 8]);
            let server = (lookup("server"), PORT);
            for round in 0..talk.rounds {
                socket.send_to(&u64::from(round).to_le_bytes(), server).await?;
                socket.recv_from(&mut buffer).await?;
                count.fetch_add(1, Relaxed);
            }
            Ok(())
        });
    }
    sim.run().expect("no client fails");
    received.load(Relaxed)
}
