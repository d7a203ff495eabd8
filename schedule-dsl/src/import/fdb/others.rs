//! FoundationDB's other workloads, by their names, as far as its tests combine them with the five that are understood.

/// Those that load something or check it. A target of Murphy's brings its own load and its own checks.
#[rustfmt::skip]
pub(super) const LOADS: &[&str] = &[
    "AlwaysTrue", "ApiCorrectness", "AsyncFileCorrectness", "AsyncFileRead", "AsyncFileWrite", "AtomicOps",
    "AtomicOpsApiCorrectness", "AtomicRestore", "AtomicSwitchover", "AuthzSecurity", "AutomaticIdempotency",
    "BackgroundSelector", "BackgroundSelectors", "BackupAndParallelRestoreCorrectness", "BackupAndRestoreCorrectness", "BackupCorrectness",
    "BackupToDBAbort", "BackupToDBCorrectness", "BackupToDBUpgrade", "BlobGranuleCorrectness", "BlobGranuleVerifier",
    "BulkDumping", "BulkLoad", "BulkLoading", "BulkSetup", "Cache", "ChangeFeedOperations", "ChangeFeeds",
    "ClearSingleRange", "ClientMetric", "ClientTransactionProfileCorrectness", "CommitBug", "CompressionUtils",
    "ConfigIncrement", "ConflictRange", "ConflictRangeSameTxn", "ConsistencyCheck", "ConsistencyCheckUrgent",
    "CpuProfiler", "CreateTenant", "DDBalance", "DDMetrics", "DataDistributionMetrics", "DcLag", "Dummy",
    "DummyWorkload", "FastTriggeredWatches", "FileSystem", "Fuzz", "FuzzApiCorrectness", "GcGenerations",
    "GetEstimatedRangeSize", "GetMappedRange", "GetRangeAndMap", "GetRangeStream", "HealthMetricsApi",
    "IDDTxnProcessorApiCorrectness", "IDDTxnProcessorMoveKeys", "Increment", "IncrementalBackup", "IndexScan",
    "Inventory", "InventoryTest", "KVStoreTest", "KillOnInject", "LocalRatekeeper", "LocalityCheck", "LockDatabase",
    "LockDatabaseFrequently", "LogMetrics", "LowLatency", "Mako", "MemoryLifetime", "MetaclusterManagement",
    "MetricLogging", "MiniCycle", "MutationLogReaderCorrectness", "NativeAPI", "NetworkTest", "ParallelRestore",
    "Performance", "PerpetualWiggleStatsWorkload", "Ping", "PopulateTPCC", "PrivateEndpoints", "ProtocolVersion",
    "PubSubMultiples", "QueuePush", "RYWDisable", "RYWPerformance", "RandomRangeLock", "RandomSelector", "ReadAbsent",
    "ReadAfterWrite", "ReadHotDetection", "ReadWrite", "ReportConflictingKeys", "RestoreBackup", "RestoreFromBlob",
    "RyowCorrectness", "RywPerformance", "SelectorCorrectness", "Serializability", "Sideband", "SidebandSingle",
    "SimpleAtomicAdd", "SkewedReadWrite", "SnapTest", "SpecialKeySpaceCorrectness", "Status", "StatusWorkload",
    "StorageQuota", "Storefront", "StreamingRangeRead", "StreamingRead", "StreamingWrite", "SubmitBackup",
    "SuspendedBackup", "TPCC", "TagThrottleApi", "TaskBucketCorrectness", "TenantCapacityLimits", "TenantManagement",
    "TenantManagementConcurrency", "ThreadSafety", "Throttling", "Throughput", "TimeKeeperCorrectness",
    "TransactionCost", "TransactionTagSwitch", "TriggeredWatches", "UDPWorkload", "UnitTest", "UnitTests",
    "Unreadable", "ValidateStorage", "VersionStamp", "WatchAndWait", "Watches", "WorkerErrors", "WriteBandwidth",
    "WriteDuringRead", "WriteTagThrottling",
];

/// Those that make something go wrong, in ways that only FoundationDB's simulator knows.
#[rustfmt::skip]
pub(super) const FAULTS: &[&str] = &[
    "ChangeCoordinators", "ClogRemoteTLog", "ClogSingleConnection", "ClogTlog", "ConfigureDatabase",
    "CoordinatorsForce", "DataLossRecovery", "DisconnectCCToSS", "DiskFailureInjection", "DiskThrottling",
    "ExcludeIncludeStorageServersWorkload", "GrayFailure", "KillRegion", "MachineAttrition", "MoveKeys",
    "RandomMoveKeys", "RebootRandomProcess", "RemoveServersSafely", "ResolutionBalance", "SaveAndKill",
    "SuspendProcesses", "SwapTLog", "TargetedKill", "TriggerRecovery",
];
