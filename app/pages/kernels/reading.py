"""Text of the tab How to read this, which does not depend on the data."""

READING = """
A **learnable temporal shift** (LTS) is a convolution over three frames: `out[t] = a1·in[t-1] + a2·in[t] + a3·in[t+1]`,
with three weights for every pair of an output channel and an input channel. Before training it is a hard shift: the
first half of the output channels read only the next frame, the second half only the previous one.

- An output channel has such a kernel for every input channel. *Kernel* above the figures chooses how they become one:
  the **energy** over the input channels, √Σᵢ wᵢₖ² for each tap, which cannot cancel; its **own channel**, the one that
  it reads before training; or the **sum** over the input channels, its response to a signal that all of them share.
- By the sum many small weights of one sign add up, and weights of opposite sign cancel: it can change although the one
  large weight that the output channel started with hardly did. The headline says what holds by each reading.
- **What an output channel does**: it *looks back*, reads *now* or *looks ahead* where one tap, of a past, the current
  or a future frame, has more than half of the weight; it *subtracts* where its response to a still input is below a
  third of its weight, because the taps cancel; it *averages* where that response is at least two thirds and no tap
  dominates; else it is *mixed*. The bars show the first three, and apart what combines several frames.
- The **centre of mass** of an output channel is Σ k·aₖ / Σ aₖ with k = −1, 0, 1, in frames, and aₖ the sizes of its
  taps. It measures where the weight is and does not say what the channel does: (−1, 0, 1) has it at 0, on a frame that
  it does not read.
- **By chance**: next to shares and changes is the range that changes of random direction and of the same size give.
- **Drift** of a layer is |W − W₀| / |W₀|, with W₀ the weights before training.
- The outline around the bars is before training.

**Other networks** have temporal kernels as well: GST and C3D, I3D, P3D, R(2+1)D, S3D, SlowFast.

- A kernel that also spans space (3×3×3) is summed over its rows and columns: its response to a signal that does not
  vary in space. Drift and cosine are those of the sums.
- Kernels of five or seven taps reach two or three frames in each direction, k = −3 … 3. An output channel that reads
  mainly one future frame looks ahead, even if it could look further. Frames are those of the layer's input; deeper
  layers of a network with temporal strides have fewer.
- For these layers a file stores only the first and the last weights. For a checkpoint from elsewhere the weights before
  training are **unknown**: then there is no outline and no drift.
"""
