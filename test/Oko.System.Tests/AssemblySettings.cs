// The tests start real switches on two cores and measure loss: one at a time.
[assembly: NonParallelizable]
