//! Running an experiment: every method with every seed, side by side over the cores.

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::{
    Checkpoints, EvaluatedTasks, MethodSettings, NetworkSettings, Results, Run, Settings,
    StreamKind,
};
use crate::backend::{Backend, Cpu};
use crate::data::{Dataset, TrainTest};
use crate::error::{Error, Result};
use crate::learn::{Normalisation, Record, Samples, TestTasks, Transform};
use crate::models::{MlpShape, SlimResNetShape};
use crate::stream::{self, Context};

/// What an experiment gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The runs that were begun, methods and seeds in the order of the settings.
    pub results: Results,
    /// Images trained on or evaluated, a second of the whole experiment; none where all runs had ended before.
    pub images_per_second: Option<f64>,
}

/// An experiment that is ready to run: what all its runs share, and only read.
pub struct Experiment<'a, B: Backend = Cpu> {
    pub(super) settings: &'a Settings,
    pub(super) backend: &'a B,
    pub(super) training: Samples<B>,
    pub(super) test: TestTasks<B>,
    pub(super) contexts: Vec<Context>,
    /// Of the training samples; none without a memory, which alone reads them.
    pub(super) labels: Vec<u8>,
    pub(super) network: NetworkConfig,
    pub(super) checkpoints: Option<Checkpoints<'a>>,
}

/// What each run's network is made from.
#[derive(Debug)]
pub(super) enum NetworkConfig {
    Mlp(MlpShape),
    SlimResNet(SlimResNetShape),
}

/// A run that ended, with its place in the order of the settings.
struct Ended {
    place: usize,
    run: Run,
}

impl<'a, B: Backend> Experiment<'a, B> {
    /// Settings on samples: everything that can be wrong with them shows here.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if there
    /// is no room.
    pub fn new(settings: &'a Settings, samples: &TrainTest, backend: &'a B) -> Result<Self> {
        settings.validate()?;
        let data = &settings.data;
        let normalisation = Normalisation {
            maximum: data.maximum,
            mean: data.mean.clone(),
            standard_deviation: data.standard_deviation.clone(),
        };
        let network = network(&settings.network, &samples.train)?;
        let (train, contexts) =
            contexts(settings, &samples.train, settings.stream.contexts.clone())?;
        let training = Samples::new(backend, &train, &normalisation)?;
        let mut tasks = stream::tasks(&settings.stream.contexts);
        if settings.evaluation.tasks == EvaluatedTasks::First {
            tasks.truncate(1);
        }
        let (test, tasks) = self::contexts(settings, &samples.test, tasks)?;
        let tasks = tasks
            .into_iter()
            .map(|task| limited(task.samples, settings.evaluation.limit));
        let transform = match settings.evaluation.augmented {
            true => transform(settings),
            false => Transform::default(),
        };
        let test = Samples::new(backend, &test, &normalisation)?;
        Ok(Experiment {
            settings,
            training,
            test: TestTasks::new(backend, test, tasks.collect(), transform)?,
            contexts,
            labels: match settings.stream.memory {
                Some(_) => train.labels().to_vec(),
                None => Vec::new(),
            },
            network,
            backend,
            checkpoints: None,
        })
    }

    /// The same, its runs being saved as they go, and going on from where they were.
    pub fn with_checkpoints(mut self, checkpoints: Checkpoints<'a>) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// What an iteration costs, in images: three for one that is trained on, whose backward pass takes about
    /// twice the forward's time, and one for one that is evaluated.
    pub fn cost(&self, record: &Record) -> u64 {
        let tasks = record.test.iter().len() + record.later_tasks.len();
        let tested: usize = self.test.samples().take(tasks).sum();
        (3 * self.settings.training.batch + tested) as u64
    }

    /// What all iterations of all runs cost together, in the unit of [`cost`](Self::cost).
    pub fn total_cost(&self) -> u64 {
        let Settings {
            stream,
            training,
            evaluation,
            methods,
            ..
        } = self.settings;
        let evaluations = (stream.iterations / evaluation.every) as u64;
        let trained = 3 * (training.batch * stream.iterations) as u64;
        let context = |number: usize| {
            let tested: usize = self.test.samples().take(number).sum();
            trained + evaluations * tested as u64
        };
        let run: u64 = (1..=stream.contexts.len()).map(context).sum();
        run * (methods.len() * training.seeds.len()) as u64
    }

    /// Runs every method with every seed, at most `threads` at a time; the backend says on
    /// how many threads the kernels of each run.
    ///
    /// A seed names the initial weights and the batches, the same for every method, so that methods are
    /// compared pair by pair. `on_iteration` sees every iteration's record; `on_run` sees each run as it
    /// ends, one at a time, those that `stop` interrupted or that diverged included, but not those that
    /// had ended [before](field@Checkpoints::ended).
    ///
    /// # Errors
    /// What `on_run` and [`Checkpoints::save`] fail with, [`Error::Shape`] for a checkpoint that is not of
    /// these settings, and what the kernels fail with. A run that diverges is no error: its
    /// [`Status`](super::Status) says so.
    pub fn run(
        &self,
        threads: usize,
        stop: &AtomicBool,
        on_iteration: &(dyn Fn(&Record) + Sync),
        on_run: &(dyn Fn(&Run) -> Result<()> + Sync),
    ) -> Result<Outcome> {
        let seeds = &self.settings.training.seeds;
        let methods = self.settings.methods.iter();
        let jobs: Vec<(&MethodSettings, u64)> = methods
            .flat_map(|method| seeds.iter().map(move |&seed| (method, seed)))
            .collect();
        let next = AtomicUsize::new(0);
        // A run that fails stops the others.
        let failed = AtomicBool::new(false);
        let go_on = || !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed);
        let ended: Mutex<Vec<Result<Ended>>> = Mutex::new(Vec::new());
        let began = Instant::now();
        let work = || {
            while go_on() {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(&(method, seed)) = jobs.get(place) else {
                    return;
                };
                let before = self.checkpoints.as_ref();
                let before = before.and_then(|checkpoints| checkpoints.ended(&method.name, seed));
                let result = match before {
                    Some(run) => Ok(run.clone()),
                    None => self.one(method, seed, |record| {
                        on_iteration(record);
                        go_on()
                    }),
                };
                // A poisoned lock still holds whole runs: they are pushed in one step.
                let mut ended = ended.lock().unwrap_or_else(|e| e.into_inner());
                let result = result.and_then(|run| {
                    if before.is_none() {
                        on_run(&run)?;
                    }
                    Ok(Ended { place, run })
                });
                if result.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                ended.push(result);
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.clamp(1, jobs.len()) {
                scope.spawn(work);
            }
            work();
        });
        let seconds = began.elapsed().as_secs_f64();
        let ended = ended.into_inner().unwrap_or_else(|e| e.into_inner());
        let mut ended = ended.into_iter().collect::<Result<Vec<_>>>()?;
        ended.sort_by_key(|ended| ended.place);

        let runs: Vec<Run> = ended.into_iter().map(|ended| ended.run).collect();
        let samples: Vec<usize> = self.test.samples().collect();
        let images = |run: &Run| -> usize {
            let checkpoints = self.checkpoints.as_ref();
            let done = checkpoints.map_or(0, |checkpoints| checkpoints.done(run));
            let records = run.history.records.iter().skip(done);
            let tested = |record: &Record| -> usize {
                let tasks = record.test.iter().len() + record.later_tasks.len();
                samples.iter().take(tasks).sum()
            };
            records
                .map(|record| self.settings.training.batch + tested(record))
                .sum()
        };
        let images: usize = runs.iter().map(images).sum();
        Ok(Outcome {
            results: Results {
                settings: self.settings.clone(),
                runs,
            },
            images_per_second: (images > 0).then(|| images as f64 / seconds),
        })
    }
}

/// The network that settings ask for, on these samples.
fn network(settings: &NetworkSettings, samples: &Dataset) -> Result<NetworkConfig> {
    let shape = samples.shape();
    Ok(match settings {
        NetworkSettings::Mlp {
            hidden,
            hidden_standard_deviation,
            output_standard_deviation,
        } => {
            let mut neurons = vec![samples.features()];
            neurons.extend(hidden);
            neurons.push(samples.classes());
            NetworkConfig::Mlp(MlpShape {
                neurons,
                hidden_standard_deviation: *hidden_standard_deviation,
                output_standard_deviation: *output_standard_deviation,
            })
        }
        NetworkSettings::SlimResnet18 {
            width,
            head_standard_deviation,
            modulated,
        } => {
            if shape.height != shape.width {
                let expected = "mlp: this network needs square images";
                return Err(Error::setting("network.kind", shape, expected));
            }
            NetworkConfig::SlimResNet(SlimResNetShape {
                side: shape.height,
                channels: shape.channels,
                classes: samples.classes(),
                width: *width,
                head_standard_deviation: *head_standard_deviation,
                modulated: modulated.clone(),
            })
        }
    })
}

/// `limit` of the samples, evenly spread, as files may hold one class after another; all if `limit` is 0.
fn limited(samples: Vec<u32>, limit: usize) -> Vec<u32> {
    let kept = evenly(samples.len(), limit);
    kept.map(|place| samples[place]).collect()
}

/// `limit` of `count` places, evenly spread; all if `limit` is 0.
pub(crate) fn evenly(count: usize, limit: usize) -> impl Iterator<Item = usize> + Clone {
    let kept = match limit {
        0 => count,
        limit => limit.min(count),
    };
    // In u128, which holds the product of any two sizes.
    (0..kept).map(move |i| (i as u128 * count as u128 / kept as u128) as usize)
}

/// What is done to training images.
pub(super) fn transform(settings: &Settings) -> Transform {
    Transform {
        crop_padding: u8::try_from(settings.training.crop_padding).unwrap_or(u8::MAX),
        mirror: settings.training.mirror,
    }
}

/// A context for each of `lists`, and the samples that they index: those given, or variants of them.
fn contexts<'a>(
    settings: &Settings,
    samples: &'a Dataset,
    lists: Vec<Vec<u16>>,
) -> Result<(Cow<'a, Dataset>, Vec<Context>)> {
    let iterations = settings.stream.iterations;
    match settings.stream.kind {
        StreamKind::Split => {
            let class = |&class: &u16| {
                let known = u8::try_from(class).ok();
                let present = known.filter(|&class| !samples.of_classes(&[class]).is_empty());
                present.ok_or_else(|| {
                    let expected = format!(
                        "classes below {} that have training and test samples",
                        samples.classes()
                    );
                    Error::setting("stream.contexts", class, expected)
                })
            };
            let classes = lists.iter().map(|list| list.iter().map(class).collect());
            let classes = classes.collect::<Result<Vec<Vec<u8>>>>()?;
            Ok((
                Cow::Borrowed(samples),
                stream::split(samples, &classes, iterations)?,
            ))
        }
        StreamKind::Rotated => {
            let (rotated, contexts) = stream::rotated(samples, &lists, iterations)?;
            Ok((Cow::Owned(rotated), contexts))
        }
        StreamKind::Permuted => {
            let (permuted, contexts) = stream::permuted(samples, &lists, iterations)?;
            Ok((Cow::Owned(permuted), contexts))
        }
    }
}
