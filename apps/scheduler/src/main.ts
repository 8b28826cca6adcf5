import { main, runService } from '@sluice/service';
import { SchedulerModule } from './scheduler.module.js';

main(() => runService('scheduler', SchedulerModule));
