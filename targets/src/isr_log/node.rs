//! A process: the controller, or a broker.

use murphy_sim::{Boot, Capture, Context, Input, Node, StateView};

use super::{
    broker::Broker,
    controller::Controller,
    message::{Message, Request, Response},
};

/// A process of one of the two kinds.
#[derive(Clone, Debug)]
pub enum IsrNode {
    /// It decides who leads and who is in sync.
    Controller(Controller),
    /// It keeps the log.
    Broker(Broker),
}

impl IsrNode {
    pub(super) fn start(boot: &Boot<'_>, cx: &mut Context<'_, Self>) -> Self {
        match boot.kind {
            "controller" => Self::Controller(Controller::start(boot, cx)),
            _ => Self::Broker(Broker::start(boot, cx)),
        }
    }
}

impl Node for IsrNode {
    type Message = Message;
    type Request = Request;
    type Response = Response;
    const KINDS: &'static [&'static str] = Message::KINDS;

    fn kind(message: &Message) -> usize {
        message.kind()
    }

    fn on(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match (self, input) {
            (Self::Controller(controller), Input::Message { from, message }) => {
                controller.on_message(from, &message, cx);
            }
            (Self::Controller(controller), Input::Timer(_)) => controller.on_timer(cx),
            (Self::Controller(controller), Input::Request { reply, .. }) => cx.redirect(reply, controller.leader()),
            (Self::Broker(broker), Input::Message { from, message }) => broker.on_message(from, message, cx),
            (Self::Broker(broker), Input::Timer(timer)) => broker.on_timer(timer, cx),
            (Self::Broker(broker), Input::Request { reply, request, .. }) => broker.on_request(reply, request, cx),
            _ => {}
        }
    }

    fn fork(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn expose(&self, state: &mut Capture<'_>) {
        match self {
            Self::Controller(controller) => controller.expose(state),
            Self::Broker(broker) => broker.expose(state),
        }
    }

    fn inspect(&self, view: &mut StateView) {
        match self {
            Self::Controller(controller) => controller.inspect(view),
            Self::Broker(broker) => broker.inspect(view),
        }
    }
}
