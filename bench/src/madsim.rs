//! madsim: nodes with its own `Endpoint`s, and messages that are passed as they are, without being serialized. That is the way
//! which its simulators of gRPC and the like take, and the shortest; latencies are its default, 1 to 10 ms.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use madsim::{Config, net::Endpoint, runtime::Runtime};

use crate::Talk;

/// Tags of questions and answers.
const ASK: u64 = 1;
const ANSWER: u64 = 2;

fn ip(host: u32) -> IpAddr {
    IpAddr::from(Ipv4Addr::from_bits(0x0a00_0001 + host))
}

/// Has the conversation once; how many messages were received.
pub fn run(talk: Talk, seed: u64) -> u64 {
    let runtime = Runtime::with_seed_and_config(seed, Config::default());
    let received = Arc::new(AtomicU64::new(0));
    let address = SocketAddr::new(ip(0), 1);
    let server = runtime.create_node().name("server").ip(ip(0)).build();
    let nodes: Vec<_> = (1..=talk.clients).map(|host| runtime.create_node().ip(ip(host)).build()).collect();
    let total = received.clone();
    runtime.block_on(async move {
        let count = total.clone();
        // It listens before anybody asks: what nobody listens for is lost.
        let endpoint =
            server.spawn(Endpoint::bind(address)).await.expect("it is not killed").expect("the address is free");
        server.spawn(async move {
            loop {
                let (message, from) = endpoint.recv_from_raw(ASK).await.expect("the network is up");
                count.fetch_add(1, Relaxed);
                endpoint.send_to_raw(from, ANSWER, message).await.expect("the client is there");
            }
        });
        let clients: Vec<_> = nodes
            .iter()
            .map(|node| {
                let count = total.clone();
                node.spawn(async move {
                    let endpoint = Endpoint::bind("0.0.0.0:0").await.expect("an address is free");
                    for round in 0..talk.rounds {
                        endpoint.send_to_raw(address, ASK, Box::new(round)).await.expect("the server is there");
                        endpoint.recv_from_raw(ANSWER).await.expect("the network is up");
                        count.fetch_add(1, Relaxed);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no client fails");
        }
    });
    received.load(Relaxed)
}
