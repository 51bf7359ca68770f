//! The loss landscape of a real network while it is trained (figure 2, right, and appendix B of arXiv 2507.14056).

mod charts;
mod probe;

use self::charts::{across, eigenvalues};
use self::probe::{Probe, Trained};
use super::{Analysis, Subject, compared, hardly_evaluated};
use crate::analysis::{Coordinates, Eigenpair};
use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::report::table::aligned;
use crate::run::continual::{MethodSettings, StreamSettings};

/// Iterations, relative to each switch, at which curvature is measured; up to 0 on the old context's samples. Those
/// outside the two contexts are left out.
const AROUND: [isize; 9] = [-20, 0, 1, 2, 5, 10, 15, 25, 50];

/// The largest gain is searched for within this many iterations after the first switch.
const PEAK_WITHIN: usize = 40;

const COORDINATES: [(Coordinates, &str); 2] = [
    (Coordinates::Weights, "W"),
    (Coordinates::Effective, "W_eff"),
];

/// The number of a context, counted from 0.
type Context = usize;

/// How eigenvalues are computed.
struct Precision {
    /// Their number in a measurement.
    eigenvalues: usize,
    /// Their tolerance relative to the largest.
    tolerance: f64,
    /// The largest number of Hessian products.
    products: usize,
}

/// In f64, with exact products.
const PERCEPTRON: Precision = Precision {
    eigenvalues: 3,
    tolerance: 1e-4,
    products: 80,
};

/// With products from differences of f32 gradients, each of which takes two training steps of the samples.
const NETWORK: Precision = Precision {
    eigenvalues: 3,
    tolerance: 1e-2,
    products: 40,
};

pub(super) fn landscape<B: Backend>(subject: &Subject<'_, B>) -> Result<Analysis> {
    let settings = hardly_evaluated(subject.settings);
    let [modulated, plain] = compared(&settings)?;
    let probe = Probe::new(&settings, subject.samples, subject.backend)?;
    let layers = probe.layers(modulated)?;
    let stream = &settings.stream;
    let measured = measured(stream);
    let around: Vec<usize> = measured.iter().map(|at| at.iteration).collect();
    let starts = stream.starts();
    let (switch, rest) = (starts[1], starts[2]);
    let peak_within = switch..=rest.min(switch + PEAK_WITHIN);

    let mut gained: Vec<Trained<'_>> = Vec::new();
    let (mut low, mut peak): (Option<Trained<'_>>, Option<Trained<'_>>) = (None, None);
    let wanted: Vec<usize> = around
        .iter()
        .copied()
        .chain(peak_within.clone())
        .chain([rest])
        .collect();
    probe.memory(modulated, around.len())?.check()?;
    (subject.tell)(&format!("training {}", modulated.label));
    probe.train(modulated, &wanted, |trained| {
        let iteration = trained.iteration;
        if iteration == rest {
            low = Some(trained.clone());
        }
        let highest = peak.as_ref().is_none_or(|peak| trained.gain >= peak.gain);
        if peak_within.contains(&iteration) && highest {
            peak = Some(trained.clone());
        }
        if around.contains(&iteration) {
            gained.push(trained);
        }
    })?;
    let mut plainly = Vec::new();
    (subject.tell)(&format!("training {}", plain.label));
    probe.train(plain, &around, |trained| plainly.push(trained))?;

    let (Some(low), Some(peak)) = (low, peak) else {
        let expected = "networks around the switch";
        return Err(Error::shape("landscape", expected, gained.len()));
    };
    let states = [
        State::new("end of context", &low, &probe)?,
        State::new("peak gain", &peak, &probe)?,
    ];
    let line = |method, label, networks, coordinates| Line {
        label,
        method,
        networks,
        coordinates,
    };
    let [in_weights, effective] = COORDINATES.map(|(of, name)| {
        line(
            modulated,
            format!("{}, in {name}", modulated.label),
            &*gained,
            of,
        )
    });
    let plain = line(plain, plain.label.clone(), &*plainly, Coordinates::Weights);
    let lines = [in_weights, effective, plain];
    Ok(Analysis {
        figures: vec![
            across(&probe, &states, &layers)?.draw()?,
            eigenvalues(&probe, &measured, &lines, &layers, subject.tell)?.draw()?,
        ],
        table: table(&states)?,
    })
}

/// A measurement of curvature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Measured {
    /// The switch before the context with this number.
    switch: Context,
    /// Iterations after it.
    offset: isize,
    /// Counted from 1 over the whole run.
    iteration: usize,
}

/// The measurements around every switch.
fn measured(stream: &StreamSettings) -> Vec<Measured> {
    let starts = stream.starts();
    let mut measured = Vec::new();
    for switch in 1..stream.count() {
        let (before, at, end) = (starts[switch - 1], starts[switch], starts[switch + 1]);
        let places = AROUND.into_iter().map(|offset| Measured {
            switch,
            offset,
            iteration: at.saturating_add_signed(offset),
        });
        measured.extend(places.filter(|place| (before + 1..=end).contains(&place.iteration)));
    }
    measured
}

/// The second context's loss around the weights at one gain.
struct State<'a> {
    name: &'static str,
    trained: &'a Trained<'a>,
    loss: f64,
    /// In the order of [`COORDINATES`], as the eigenpairs.
    gradients: [Vec<f64>; 2],
    eigenpairs: [Vec<Eigenpair>; 2],
}

impl<'a> State<'a> {
    fn new(
        name: &'static str,
        trained: &'a Trained<'a>,
        probe: &Probe<'_, impl Backend>,
    ) -> Result<Self> {
        let surface = probe.surface(trained, 1)?;
        let [in_weights, effective] = COORDINATES.map(|(of, _)| probe.largest(&*surface, of));
        Ok(State {
            name,
            trained,
            loss: surface.loss(),
            gradients: COORDINATES.map(|(of, _)| surface.gradient(of)),
            eigenpairs: [in_weights?, effective?],
        })
    }

    /// The largest eigenvalue in both coordinates.
    fn largest(&self) -> [f64; 2] {
        self.eigenpairs.each_ref().map(|pairs| pairs[0].value)
    }
}

/// The networks of one method, and the coordinates in which curvature is measured.
struct Line<'a> {
    label: String,
    method: &'a MethodSettings,
    networks: &'a [Trained<'a>],
    coordinates: Coordinates,
}
fn norm(vector: &[f64]) -> f64 {
    libm::sqrt(vector.iter().map(|x| x * x).sum())
}

fn table(states: &[State<'_>; 2]) -> Result<String> {
    let mut rows = vec![
        [
            "",
            "iteration",
            "g",
            "g²",
            "loss",
            "|grad| W",
            "|grad| W_eff",
            "λ1 W",
            "λ1 W_eff",
            "ratio",
        ]
        .map(String::from)
        .to_vec(),
    ];
    for state in states {
        let [in_weights, effective] = state.largest();
        let [gradient, effective_gradient] = state.gradients.each_ref().map(|g| norm(g));
        let gain = state.trained.gain;
        rows.push(vec![
            state.name.into(),
            state.trained.iteration.to_string(),
            format!("{gain:.4}"),
            format!("{:.4}", gain * gain),
            format!("{:.4}", state.loss),
            format!("{gradient:.4}"),
            format!("{effective_gradient:.4}"),
            format!("{in_weights:.3}"),
            format!("{effective:.3}"),
            format!("{:.4}", in_weights / effective),
        ]);
    }
    Ok(aligned(&rows, 1))
}
