-- Health as Argo CD shows it, from the conditions. They follow kstatus: Ready always, Reconciling and Stalled only
-- while they are true.
local health = { status = "Progressing", message = "Waiting for the operator to look at it" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready, stalled = conditions.Ready, conditions.Stalled
if ready == nil then
  return health
end
-- What is said of an older generation says nothing of this one.
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "Waiting for the operator to look at the change"
  return health
end
health.message = ready.message
if ready.reason == "Paused" then
  health.status = "Suspended"
elseif stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
elseif ready.status == "True" and ready.reason == "Suspended" then
  health.status = "Suspended"
elseif ready.status == "True" then
  health.status = "Healthy"
end
return health
