using System.Runtime.InteropServices;

namespace SelfJudge.Tests.Shared;

/// <summary>
/// What a computation on one thread takes of a processor: unlike the time on a clock, it says the same of an algorithm
/// whatever else the machine does.
/// </summary>
internal static class ThreadTime
{
    private const int ThreadClock = 3; // CLOCK_THREAD_CPUTIME_ID of Linux

    /// <summary>The processor time of this thread that a computation takes; elsewhere than on Linux, the time on a clock.</summary>
    public static TimeSpan Of(Action computation)
    {
        var started = Now();
        computation();
        return Now() - started;
    }

    private static TimeSpan Now()
    {
        if (!OperatingSystem.IsLinux())
            return TimeProvider.System.GetElapsedTime(0);
        Assert.Equal(0, Read(ThreadClock, out var time));
        return TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromMicroseconds(time.Nanoseconds / 1000.0);
    }

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int Read(int clock, out Time time);

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
