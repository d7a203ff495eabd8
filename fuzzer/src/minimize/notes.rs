//! Steps that only carry a trigger for others, and how those do without them.

use murphy_schedule::{Again, Fault, FaultKind, Schedule, Step, When};

/// `schedule` without the note at `at`: steps that begin with it begin by its trigger. `None` if it is no note, or something
/// else refers to it.
pub(super) fn without_note(schedule: &Schedule, at: usize) -> Option<Schedule> {
    let note = schedule.steps[at];
    if note.fault.kind() != FaultKind::Note || note.id == 0 || note.when == When::Called {
        return None;
    }
    let mut without = schedule.clone();
    without.steps.remove(at);
    for step in &mut without.steps {
        if let When::Step { step: id, delay, .. } = step.when
            && id == note.id
        {
            step.when = note.when.later(delay);
        }
    }
    let free = without.steps.iter().all(|step| step.references().all(|id| id != note.id));
    free.then_some(without)
}

/// `schedule` without the step at `at`, which activates another one that is never begun otherwise: that one begins by the
/// trigger of this. `None` if it does not, or something else refers to it.
pub(super) fn without_activation(schedule: &Schedule, at: usize) -> Option<Schedule> {
    let Step { when, fault: Fault::Activate { step: id }, id: own, again, .. } = schedule.steps[at] else {
        return None;
    };
    let mut without = schedule.clone();
    without.steps.remove(at);
    let referred = |id: u8| without.steps.iter().any(|step| id != 0 && step.references().any(|other| other == id));
    let activated = |step: &&mut Step| step.id == id.0 && step.when == When::Called;
    if referred(own) || without.steps.iter().any(|step| step.fault == Fault::Activate { step: id }) {
        return None;
    }
    let step = without.steps.iter_mut().find(activated)?;
    (step.when, step.again) = (when, if again == Again::NEVER { step.again } else { again });
    Some(without)
}
