using SelfJudge.SystemTests;
using Xunit.Sdk;
using Xunit.v3;

// Two runs at once would share the cores, and every time limit would have to double.
[assembly: Parallelization(Mode = ParallelMode.None)]
[assembly: AssemblyFixture(typeof(UninterruptedRun))]
