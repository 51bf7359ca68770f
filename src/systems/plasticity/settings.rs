//! The settings of a plasticity experiment.

use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::run::continual::{
    GainSettings, MethodSettings, NetworkSettings, StreamSettings, TrainingSettings, check_methods,
    check_stream,
};
use crate::run::settings::{document, require};
use crate::run::{DataSettings, check_data};

document!(PlasticitySettings, "plasticity");

settings! {
    /// A plasticity experiment: a stream of tasks, a network, methods and seeds. Each task is learnt from the state
    /// before it, from a fresh network, and again from the final state.
    #[derive(Debug, Clone, PartialEq)]
    pub struct PlasticitySettings {
        /// The kind of experiment: "plasticity".
        pub kind: Kind,
        /// Name of the experiment. Run directories are named after it.
        pub name: String [Name],
        /// Title of the report.
        pub title: String [Line],
        /// Description, shown in the report.
        pub description: String = "",
        /// Samples and their scaling.
        pub data: DataSettings,
        /// The sequence of contexts; each context is a task.
        pub stream: StreamSettings,
        /// The network.
        pub network: NetworkSettings,
        /// Training settings that all methods share.
        pub training: TrainingSettings,
        /// Evaluation: how often, and on which samples.
        pub evaluation: LearningCurveSettings = {},
        /// The gain dynamics of the gain-modulated methods. Default: none, and then each gain-modulated method has its own.
        pub gain: Option<GainSettings>,
        /// The methods to compare, in the order of tables.
        pub methods: Vec<MethodSettings> [NotEmpty("method")],
    }
}

settings! {
    /// The kind of experiment.
    pub enum Kind {
        /// The loss of plasticity over a stream of tasks.
        Plasticity = "plasticity",
    }
}

settings! {
    /// The evaluation of learning curves.
    #[derive(Debug, Clone, PartialEq)]
    pub struct LearningCurveSettings {
        /// β: the evaluations while a task is learnt, after the first, which comes before its first iteration. They are
        /// evenly spread; evaluation b comes after ⌊b·I/β⌋ of the task's I iterations.
        pub ticks: usize [AtLeastOne] = 30,
        /// The largest number of test samples per task, evenly spread; 0 for all.
        pub limit: usize = 0,
        /// Whether accuracy is measured on the tasks' training images instead of test images: whether the network can still
        /// learn, not whether it generalises. With random labels it always is.
        pub training_samples: bool = false,
        /// Whether each task is also learnt from a fresh network and again from the final state, for LCA_0, LCA_B, FKT
        /// and BKT. It triples the time.
        pub transfer: bool = true,
        /// Whether all earlier tasks are evaluated too, for forgetting and the stability gap.
        pub earlier_tasks: bool = false,
    }
}

impl PlasticitySettings {
    /// Checks the rules that concern several settings.
    fn check(&self) -> Result<()> {
        check_data(&self.data)?;
        check_stream(&self.stream, self.data.source)?;
        self.check_ticks()?;
        self.check_gain()?;
        check_methods(&self.methods, &self.network)
    }

    fn check_ticks(&self) -> Result<()> {
        let (stream, ticks) = (&self.stream, self.evaluation.ticks);
        if stream.lacks_iterations() {
            return Ok(());
        }
        let contexts = stream.iterations_per_context.as_deref();
        let contexts = contexts.unwrap_or(core::slice::from_ref(&stream.iterations));
        for &iterations in contexts {
            let expected = format!("at most {iterations}, the number of iterations of a task");
            require(ticks <= iterations, "evaluation.ticks", ticks, expected)?;
        }
        Ok(())
    }

    fn check_gain(&self) -> Result<()> {
        let without = |method: &&MethodSettings| method.gain_modulated && method.gain.is_none();
        match self.methods.iter().find(without) {
            Some(method) if self.gain.is_none() => {
                let key = format!("methods.{}.gain", method.name);
                let expected = "gamma, g0 and eta, because gain_modulated is true";
                Err(Error::setting(key, "(missing)", expected))
            }
            _ => Ok(()),
        }
    }

    /// The settings with the iterations of `stream.epochs`, for these training samples.
    ///
    /// # Errors
    /// [`Error::Setting`] for contexts that cannot be built from these samples.
    pub fn with_epochs_counted(&self, training: &Dataset) -> Result<Self> {
        self.validate()?;
        let batch = self.training.batch;
        let stream = self.stream.with_epochs_counted(training, batch)?;
        let settings = PlasticitySettings {
            stream,
            ..self.clone()
        };
        settings.validate()?;
        Ok(settings)
    }

    /// The iterations of task `task` between evaluation `tick` and the one before it.
    pub(super) fn iterations_to(&self, task: usize, tick: usize) -> usize {
        let before = tick.checked_sub(1);
        let before = before.map_or(0, |before| self.iterations_at(task, before));
        self.iterations_at(task, tick) - before
    }

    /// The iterations of task `task`, counted from 0, after which evaluation `tick` comes.
    pub(super) fn iterations_at(&self, task: usize, tick: usize) -> usize {
        let iterations = self.stream.iterations_of(task) as u128;
        (tick as u128 * iterations / self.evaluation.ticks as u128) as usize
    }
}
