//! Makes what stands show something else, keeping what is of the same kind.

use web_sys::Node as Dom;

use super::{Node, state::State};

/// Turns `state`, which stands in `parent` before `before`, into what `node` describes.
pub(super) fn patch(parent: Option<&Dom>, state: State, node: Node, before: Option<&Dom>) -> State {
    match (state, node) {
        (State::Empty, Node::Empty) => State::Empty,
        (State::Text(dom, shown), Node::Text(text)) => {
            if shown != text {
                dom.set_data(&text);
            }
            State::Text(dom, text)
        }
        (State::Element(mut state), Node::Element(element)) if state.tag == element.tag => {
            state.children = children(Some(&state.dom), state.children, element.children, None);
            state.dress(element.attributes, element.listeners);
            if let Some(hook) = element.hook {
                hook(state.dom.clone());
            }
            State::Element(state)
        }
        (State::Many(states), Node::Many(nodes)) => State::Many(children(parent, states, nodes, before)),
        (State::Live(live), Node::Live(read)) => State::Live(live.resume(read)),
        (mut state, node) => {
            let mut fresh = State::build(node);
            if let Some(parent) = parent {
                fresh.mount(parent, before);
            }
            state.unmount();
            fresh
        }
    }
}

/// From the last to the first, so that each knows what it stands before.
fn children(parent: Option<&Dom>, mut states: Vec<State>, mut nodes: Vec<Node>, before: Option<&Dom>) -> Vec<State> {
    states.split_off(nodes.len().min(states.len())).iter_mut().for_each(State::unmount);
    let fresh = nodes.split_off(states.len());
    let mut done = Vec::with_capacity(states.len() + fresh.len());
    let mut next = before.cloned();
    for node in fresh.into_iter().rev() {
        let mut state = State::build(node);
        if let Some(parent) = parent {
            state.mount(parent, next.as_ref());
        }
        next = state.first().or(next);
        done.push(state);
    }
    for (state, node) in states.into_iter().zip(nodes).rev() {
        let state = patch(parent, state, node, next.as_ref());
        next = state.first().or(next);
        done.push(state);
    }
    done.reverse();
    done
}
