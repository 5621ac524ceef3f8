namespace StreamSettlement.DevBroker.Wire;

/// <summary>The error codes of the Kafka protocol that this broker answers with.</summary>
internal enum ErrorCode : short
{
    UnknownServerError = -1, None = 0, OffsetOutOfRange = 1, CorruptMessage = 2, UnknownTopicOrPartition = 3,
    MessageTooLarge = 10, OffsetMetadataTooLarge = 12, CoordinatorLoadInProgress = 14,
    CoordinatorNotAvailable = 15, InvalidTopic = 17, InvalidRequiredAcks = 21, IllegalGeneration = 22,
    InconsistentGroupProtocol = 23, InvalidGroupId = 24, UnknownMemberId = 25, InvalidSessionTimeout = 26,
    RebalanceInProgress = 27, UnsupportedVersion = 35, TopicAlreadyExists = 36, InvalidPartitions = 37,
    InvalidReplicationFactor = 38, InvalidReplicaAssignment = 39, InvalidConfig = 40, InvalidRequest = 42,
    PolicyViolation = 44, OutOfOrderSequenceNumber = 45, InvalidProducerEpoch = 47,
    TransactionalIdAuthorizationFailed = 53, StorageError = 56, NonEmptyGroup = 68, GroupIdNotFound = 69,
    FetchSessionIdNotFound = 70, FencedLeaderEpoch = 74, UnknownLeaderEpoch = 75, UnsupportedCompressionType = 76,
    MemberIdRequired = 79, FencedInstanceId = 82, GroupSubscribedToTopic = 86, InvalidRecord = 87,
    UnknownTopicId = 100, UnsupportedEndpointType = 115,
}
