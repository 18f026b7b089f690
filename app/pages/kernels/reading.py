"""Text of the tab How to read this, which does not depend on the data."""

READING = """
A **learnable temporal shift** (LTS) is a convolution over three frames: `out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1]`,
with three weights for every pair of an output channel and an input channel. Before training it is a hard shift: the
first half of the output channels read only the next frame, the second half only the previous one.

- **Effective taps** of an output channel are its a1, a2, a3 summed over the input channels: its response to a signal
  that all channels share.
- The **centre of mass** of an output channel is Σ k·|aₖ| / Σ |aₖ| with k = −1, 0, 1, in frames. Below −1/3 it *looks
  back*, above 1/3 it *looks ahead*, between them it counts as *now*. The first screen uses these three directions; the
  tab *Layers* has six types, which distinguish output channels that average or subtract frames from those that read one
  frame.
- Small weights of the same sign from many input channels add up in the effective taps. A layer whose cosine to its
  initialisation is near 1 (see the table) still has most of its weight where it was before training, whatever the
  response of its output channels to a shared signal.
- *Kernel* above the figures switches between these sums and the taps for each output channel's **own channel**, the one
  that it reads before training. A layer can look away by the sums and still shift strongly along its diagonal: there,
  many small weights oppose one large weight.
- **Drift** of a layer is |W − W₀| / |W₀|, with W₀ the weights before training.
- The outline around the bars is before training.

**Other networks** have temporal kernels as well: GST and C3D, I3D, P3D, R(2+1)D, S3D, SlowFast.

- A kernel that also spans space (3×3×3) is summed over its rows and columns: its response to a signal that does not
  vary in space. Drift and cosine are those of the sums.
- Kernels of five or seven taps reach two or three frames in each direction, k = −3 … 3. The thresholds are still a
  third of a frame: an output channel that reads only the next frame looks ahead, even if it could look further. Frames
  are those of the layer's input; deeper layers of a network with temporal strides have fewer.
- For these layers a file stores only the first and the last weights. For a checkpoint from elsewhere the weights before
  training are **unknown**: then there is no outline and no drift.
"""
