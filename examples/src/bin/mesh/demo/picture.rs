//! The live picture on a terminal. It says everything in words and signs, too: colours only help.

use core::time::Duration;
use std::io;
use std::thread;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::canvas::{Canvas, Line as Stroke};
use ratatui::widgets::{Block, Gauge, Paragraph};

use super::scene::{Condition, NAMES, PAIRS, PeerState, Scene, Shared, Summary, Weight, lock};
use crate::failure::Failure;
use crate::signals::Stop;

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);
/// Where the nodes stand, in parts of the width and the height, from the upper left.
const PLACES: [(f64, f64); 3] = [(0.5, 0.12), (0.16, 0.85), (0.84, 0.85)];

/// Draws as long as something is played. `q` asks it to end.
pub(super) fn while_drawing(
    scene: &Shared,
    stop: &Stop,
    play: impl FnOnce() -> Result<Summary, Failure> + Send,
) -> Result<Summary, Failure> {
    let wrong = |error: io::Error| {
        Failure::Running(format!("this terminal cannot be drawn on ({error}); try --plain"))
    };
    let mut terminal = ratatui::try_init().map_err(wrong)?;
    let played = thread::scope(|scope| {
        let playing = scope.spawn(play);
        let mut drawn = Ok(());
        while !playing.is_finished() {
            let frame = terminal.draw(|frame| draw(frame, &lock(scene), stop));
            let asked = frame.and_then(|_| asks_to_stop());
            match asked {
                Ok(true) => stop.ask(),
                Ok(false) => {}
                Err(error) => {
                    stop.ask();
                    drawn = Err(wrong(error));
                    break;
                }
            }
        }
        let played = playing.join().unwrap_or_else(|_| Err(Failure::Running("the demo panicked".to_owned())));
        drawn.and(played)
    });
    ratatui::restore();
    played
}

/// Waits for a key until it is time to draw again.
fn asks_to_stop() -> io::Result<bool> {
    if !event::poll(EVERY)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let interrupts = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    Ok(key.kind == KeyEventKind::Press
        && (interrupts || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)))
}

fn draw(frame: &mut Frame<'_>, scene: &Scene, stop: &Stop) {
    let [head, top, counts, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(11),
        Constraint::Length(3),
        Constraint::Percentage(40),
    ])
    .areas(frame.area());
    draw_head(frame, head, scene, stop);
    let [nodes, ways] =
        Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(top);
    draw_nodes(frame, nodes, scene);
    draw_ways(frame, ways, scene);
    draw_counts(frame, counts, scene);
    let [faults, lines] =
        Layout::horizontal([Constraint::Percentage(45), Constraint::Percentage(55)]).areas(bottom);
    draw_faults(frame, faults, scene);
    draw_lines(frame, lines, scene);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, scene: &Scene, stop: &Stop) {
    let elapsed = scene.began.elapsed();
    let [title, time] = Layout::horizontal([Constraint::Min(30), Constraint::Length(30)]).areas(area);
    let key = if stop.is_asked() { "it ends ..." } else { "q ends it" };
    let text = format!(" mesh demo   {} of 3 sessions   {key}", scene.sessions());
    frame.render_widget(Paragraph::new(text).style(Style::new().add_modifier(Modifier::BOLD)), title);
    match scene.lasts {
        Some(lasts) => {
            let ratio = (elapsed.as_secs_f64() / lasts.as_secs_f64().max(0.1)).clamp(0.0, 1.0);
            let label = format!("{} of {} s", elapsed.as_secs(), lasts.as_secs());
            frame.render_widget(Gauge::default().ratio(ratio).label(label), time);
        }
        None => {
            let text = Paragraph::new(format!("{} s ", elapsed.as_secs())).alignment(Alignment::Right);
            frame.render_widget(text, time);
        }
    }
}

fn draw_nodes(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let block = Block::bordered().title(" nodes and links ");
    let inner = block.inner(area);
    // One unit is one cell, so that lines and texts meet where they should.
    let (right, top) = (f64::from(inner.width.max(2) - 1), f64::from(inner.height.max(2) - 1));
    let cells = PLACES.map(|(x, y)| ((x * right).round(), top - (y * top).round()));
    let canvas = Canvas::default()
        .block(block)
        .marker(Marker::Braille)
        .x_bounds([0.0, right])
        .y_bounds([0.0, top])
        .paint(|context| {
            let bold = |color| Style::new().fg(color).add_modifier(Modifier::BOLD);
            let mut print = |(x, y): (f64, f64), text: String, style| {
                let width = f64::from(u16::try_from(text.len()).unwrap_or(u16::MAX));
                let x = (x - (width / 2.0).floor()).min(right + 1.0 - width).max(0.0);
                context.print(x, y, Line::styled(text, style));
            };
            let mut strokes = Vec::new();
            for (one, other) in PAIRS {
                let ((x1, y1), (x2, y2)) = (cells[one], cells[other]);
                let states = [scene.nodes[one].peers[other].state, scene.nodes[other].peers[one].state];
                let (color, sign) = match states {
                    [PeerState::Up, PeerState::Up] => (Color::Green, "="),
                    [PeerState::Down, PeerState::Down] => (Color::Red, "x"),
                    _ => (Color::Yellow, "?"),
                };
                if sign != "x" {
                    strokes.push(Stroke { x1, y1, x2, y2, color });
                }
                let middle = (f64::midpoint(x1, x2).round(), f64::midpoint(y1, y2).round());
                print(middle, sign.to_owned(), bold(color));
            }
            for (node, (name, cell)) in scene.nodes.iter().zip(NAMES.into_iter().zip(cells)) {
                let (sign, color) = match node.condition {
                    Condition::Runs => ("", Color::Green),
                    Condition::Frozen => (" FROZEN", Color::Cyan),
                    Condition::Dead => (" DEAD", Color::Red),
                };
                let life = if node.life > 1 { format!(" #{}", node.life) } else { String::new() };
                print(cell, format!("[{name}{life}{sign}]"), bold(color));
            }
            for stroke in &strokes {
                context.draw(stroke);
            }
        });
    frame.render_widget(canvas, area);
}

fn draw_ways(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let mut lines = vec![Line::styled(
        format!("{:<13}{:<5}{:<6}{:>9}{:>9}", "from > to", "is", "dialed", "trip", "unacked"),
        Style::new().add_modifier(Modifier::UNDERLINED),
    )];
    for (node, from) in scene.nodes.iter().zip(NAMES) {
        for (peer, to) in node.peers.iter().zip(NAMES).filter(|(_, to)| *to != from) {
            let (state, color) = match peer.state {
                PeerState::Up => ("up", Color::Green),
                PeerState::Away => ("away", Color::Yellow),
                PeerState::Down => ("down", Color::Red),
            };
            let dialed = if peer.state != PeerState::Up {
                ""
            } else if peer.dialed {
                "here"
            } else {
                "there"
            };
            let trip =
                peer.round_trip.map_or(String::new(), |trip| format!("{:.2} ms", trip.as_secs_f64() * 1e3));
            let way = format!("{from} > {to}");
            let more = if peer.links > 1 { format!("  {} links", peer.links) } else { String::new() };
            lines.push(Line::from(vec![
                Span::raw(format!("{way:<13}")),
                Span::styled(format!("{state:<5}"), Style::new().fg(color)),
                Span::raw(format!("{dialed:<6}{trip:>9}{:>9}{more}", peer.unacknowledged)),
            ]));
        }
    }
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" sessions ")), area);
}

fn draw_counts(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let counts = &scene.ledger.counts;
    let unacknowledged: u32 =
        scene.nodes.iter().flat_map(|node| &node.peers).map(|peer| peer.unacknowledged).sum();
    let bad = counts.doubled + counts.reordered;
    let text = format!(
        "sent {}, taken {}, on the way {unacknowledged}, undelivered {}, doubled {}, reordered {}",
        counts.sent, counts.arrived, counts.undelivered, counts.doubled, counts.reordered
    );
    let style =
        if bad == 0 { Style::new() } else { Style::new().fg(Color::Red).add_modifier(Modifier::REVERSED) };
    let title = format!(" messages   {} links lost ", scene.links_lost);
    frame.render_widget(Paragraph::new(text).style(style).block(Block::bordered().title(title)), area);
}

fn draw_faults(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let rows = usize::from(area.height.saturating_sub(2));
    let bar = usize::from(area.width.saturating_sub(30));
    let newest = scene.faults.iter().rev().take(rows).collect::<Vec<_>>();
    let lines = newest.into_iter().rev().map(|fault| {
        let at = fault.at.as_secs();
        match fault.ms {
            Some(ms) => {
                let length = usize::try_from(ms / 100).unwrap_or(usize::MAX).clamp(1, bar.max(1));
                let style = Style::new().fg(Color::Green);
                Line::from(vec![
                    Span::raw(format!("{at:>3}s {:<15}", fault.fault)),
                    Span::styled("#".repeat(length), style),
                    Span::raw(format!(" {ms} ms")),
                ])
            }
            None => Line::styled(
                format!("{at:>3}s {:<15}NOT WELL AGAIN", fault.fault),
                Style::new().fg(Color::Red),
            ),
        }
    });
    let title = " what was done: well again after ";
    frame
        .render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(Block::bordered().title(title)), area);
}

fn draw_lines(frame: &mut Frame<'_>, area: Rect, scene: &Scene) {
    let rows = usize::from(area.height.saturating_sub(2));
    let newest = scene.lines.iter().rev().take(rows).collect::<Vec<_>>();
    let lines = newest.into_iter().rev().map(|line| {
        let style = match line.weight {
            Weight::Detail => Style::new(),
            Weight::Fault => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
            Weight::Well => Style::new().fg(Color::Green).add_modifier(Modifier::BOLD),
            Weight::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::REVERSED),
        };
        let text = format!("{:5.1} {}", line.at.as_secs_f64(), line.text);
        Line::styled(shortened(text, usize::from(area.width.saturating_sub(2))), style)
    });
    frame.render_widget(
        Paragraph::new(lines.collect::<Vec<_>>()).block(Block::bordered().title(" happenings ")),
        area,
    );
}

/// As much of a text as there is room for; where something is missing it says so.
fn shortened(text: String, room: usize) -> String {
    match text.char_indices().nth(room) {
        Some(_) => text.chars().take(room.saturating_sub(2)).chain("..".chars()).collect(),
        None => text,
    }
}
