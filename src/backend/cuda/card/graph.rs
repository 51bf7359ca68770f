//! CUDA graphs of launches.
#![allow(unsafe_code)]

use core::ffi::c_void;

use cudarc::driver::sys;

use super::Card;
use crate::backend::cuda::device::Handle;
use crate::backend::cuda::launch::Launch;
use crate::error::Result;

impl Card {
    /// A launch as a node of a graph.
    fn node(
        &self,
        launch: &Launch,
        pointers: &mut [*mut c_void],
    ) -> Result<sys::CUDA_KERNEL_NODE_PARAMS> {
        Ok(sys::CUDA_KERNEL_NODE_PARAMS {
            func: self.function(launch.kernel)?,
            gridDimX: launch.blocks,
            gridDimY: 1,
            gridDimZ: 1,
            blockDimX: launch.threads[0],
            blockDimY: launch.threads[1],
            blockDimZ: 1,
            sharedMemBytes: 0,
            kernelParams: pointers.as_mut_ptr(),
            extra: core::ptr::null_mut(),
            kern: core::ptr::null_mut(),
            ctx: core::ptr::null_mut(),
        })
    }

    /// See `Device::record`.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn record_graph(&self, launches: &[Launch]) -> Result<Handle> {
        self.enter()?;
        let made = |error| self.failed("cannot create a graph", error);
        let (mut graph, mut executable) = (core::ptr::null_mut(), core::ptr::null_mut());
        // SAFETY: the driver writes the graph that it makes.
        unsafe { sys::cuGraphCreate(&mut graph, 0).result() }.map_err(made)?;
        let mut handle = Handle {
            graph: graph.expose_provenance(),
            ..Handle::default()
        };
        let mut before: Vec<sys::CUgraphNode> = Vec::new();
        for launch in launches {
            let mut node = core::ptr::null_mut();
            let mut pointers = launch.pointers();
            let added = self.node(launch, &mut pointers).and_then(|node_of| {
                // SAFETY: the graph and the previous node are the driver's; it copies the arguments.
                unsafe {
                    let count = before.len();
                    sys::cuGraphAddKernelNode_v2(&mut node, graph, before.as_ptr(), count, &node_of)
                }
                .result()
                .map_err(made)
            });
            if let Err(error) = added {
                self.forget_graph(handle);
                return Err(error);
            }
            handle.nodes.push(node.expose_provenance());
            before = vec![node];
        }
        // SAFETY: the graph was just created; the driver writes the executable.
        let made = unsafe { sys::cuGraphInstantiateWithFlags(&mut executable, graph, 0).result() }
            .map_err(made);
        handle.executable = executable.expose_provenance();
        match made {
            Ok(()) => Ok(handle),
            Err(error) => {
                self.forget_graph(handle);
                Err(error)
            }
        }
    }

    /// See `Device::update_node`.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn amend_graph(
        &self,
        graph: &mut Handle,
        number: usize,
        launch: &Launch,
    ) -> Result<()> {
        self.enter()?;
        let mut pointers = launch.pointers();
        let node = self.node(launch, &mut pointers)?;
        // SAFETY: the handles are those that `record` returned; the driver copies the arguments.
        unsafe {
            sys::cuGraphExecKernelNodeSetParams_v2(
                core::ptr::with_exposed_provenance_mut(graph.executable),
                core::ptr::with_exposed_provenance_mut(graph.nodes[number]),
                &node,
            )
        }
        .result()
        .map_err(|error| self.failed("cannot change a graph", error))
    }

    /// See `Device::replay`.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn replay_graph(&self, graph: &Handle) -> Result<()> {
        self.enter()?;
        let executable = core::ptr::with_exposed_provenance_mut(graph.executable);
        // SAFETY: the handle is the one that `record` returned; its launches are as the caller promises.
        unsafe { sys::cuGraphLaunch(executable, self.stream) }
            .result()
            .map_err(|error| self.failed("cannot launch a graph", error))
    }

    /// See `Device::destroy`.
    pub(super) fn forget_graph(&self, graph: Handle) {
        // An error here is from an earlier launch; the next call that returns a result reports it.
        let _ = self.enter();
        // SAFETY: the handles came from the driver, which delays the destruction of a running graph.
        unsafe {
            if graph.executable != 0 {
                let executable = core::ptr::with_exposed_provenance_mut(graph.executable);
                let _ = sys::cuGraphExecDestroy(executable);
            }
            let _ = sys::cuGraphDestroy(core::ptr::with_exposed_provenance_mut(graph.graph));
        }
    }
}
