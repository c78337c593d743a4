using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Providers;
using Orleans.Streams;

namespace SelfJudge.Hosting;

/// <summary>
/// The queue under the triplet stream: that of Orleans' memory streams, but whoever reads it waits instead of polling. The
/// device has nothing to do while a step's last triplets are on their way: what this silo puts in wakes the reader at once,
/// and what other silos put in is found within milliseconds.
/// </summary>
public sealed class TripletQueue(string name, StreamCacheEvictionOptions cache, StreamStatisticOptions statistics,
    HashRingStreamQueueMapperOptions queues, IServiceProvider services, IGrainFactory grains, ILoggerFactory loggers, TimeProvider time)
    : MemoryAdapterFactory<DefaultMemoryMessageBodySerializer>(name, cache, statistics, queues, services, grains, loggers), IQueueAdapter,
        IDisposable
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(5);

    // The stream's agent looks after its cache and its consumers between two reads.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _arrived = new(0);

    /// <summary>The queue of a stream provider, by its named options.</summary>
    public static TripletQueue Of(IServiceProvider services, string name)
    {
        var queue = ActivatorUtilities.CreateInstance<TripletQueue>(services, name,
            services.GetOptionsByName<StreamCacheEvictionOptions>(name), services.GetOptionsByName<StreamStatisticOptions>(name),
            services.GetOptionsByName<HashRingStreamQueueMapperOptions>(name));
        queue.Init();
        return queue;
    }

    async Task IQueueAdapter.QueueMessageBatchAsync<T>(StreamId streamId, IEnumerable<T> events, StreamSequenceToken? token,
        Dictionary<string, object>? requestContext)
    {
        await QueueMessageBatchAsync(streamId, events, token, requestContext);
        // One is enough for any number of events: the reader takes all that are there.
        if (_arrived.CurrentCount == 0)
            _arrived.Release();
    }

    IQueueAdapterReceiver IQueueAdapter.CreateReceiver(QueueId queueId) => new Receiver(CreateReceiver(queueId), _arrived, time);

    public void Dispose() => _arrived.Dispose();

    private sealed class Receiver(IQueueAdapterReceiver queue, SemaphoreSlim arrived, TimeProvider time) : IQueueAdapterReceiver
    {
        private volatile bool _isShutDown;

        public Task Initialize(TimeSpan timeout) => Initialize(timeout, CancellationToken.None);

        public Task Initialize(TimeSpan timeout, CancellationToken cancellationToken) => queue.Initialize(timeout, cancellationToken);

        public Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount) => GetQueueMessagesAsync(maxCount, CancellationToken.None);

        public async Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount, CancellationToken cancellationToken)
        {
            for (var since = time.GetTimestamp(); ;)
            {
                await arrived.WaitAsync(LookPeriod, cancellationToken); // a look, by whatever time: nothing is decided by it
                // The prompts of a step hand over together, and to read and deliver one costs as much as to do it for all: behind
                // whatever else is ready to run, most of them are there.
                await Task.Factory.StartNew(static () => { }, cancellationToken, TaskCreationOptions.PreferFairness, TaskScheduler.Default);
                var messages = await queue.GetQueueMessagesAsync(maxCount, cancellationToken);
                if (messages.Count > 0 || _isShutDown || time.GetElapsedTime(since) >= LongestWait)
                    return messages;
            }
        }

        public Task MessagesDeliveredAsync(IList<IBatchContainer> messages) => MessagesDeliveredAsync(messages, CancellationToken.None);

        public Task MessagesDeliveredAsync(IList<IBatchContainer> messages, CancellationToken cancellationToken) =>
            queue.MessagesDeliveredAsync(messages, cancellationToken);

        public Task Shutdown(TimeSpan timeout) => Shutdown(timeout, CancellationToken.None);

        public Task Shutdown(TimeSpan timeout, CancellationToken cancellationToken)
        {
            _isShutDown = true;
            return queue.Shutdown(timeout, cancellationToken);
        }
    }
}
